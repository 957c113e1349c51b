"""Names that Airflow's releases define in different modules; mypy sees those of the newest release."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.models.asset import AssetEvent
    from airflow.sdk.exceptions import TaskDeferralError
    from airflow.sdk.execution_time.context import OutletEventAccessors
    from airflow.sdk.io import attach
    from airflow.sdk.lineage import HookLineageCollector
else:
    try:
        from airflow.sdk.exceptions import TaskDeferralError
    except ImportError:
        from airflow.exceptions import TaskDeferralError
    try:
        from airflow.sdk.io import attach
    except ImportError:  # Airflow 2
        from airflow.io.store import attach
    try:
        from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    except ImportError:
        from airflow.models import dagbag

        DagBag = dagbag.DagBag
        sync_bag_to_db = getattr(dagbag, "sync_bag_to_db", None) or DagBag.sync_to_db  # Airflow 3.1, 3.0
    try:
        from airflow.sdk.lineage import HookLineageCollector
    except ImportError:  # Airflow before 3.2
        from airflow.lineage.hook import HookLineageCollector
    try:
        from airflow.models.asset import AssetEvent
        from airflow.sdk.execution_time.context import OutletEventAccessors
    except ImportError:  # Airflow 2
        from airflow.models.dataset import DatasetEvent as AssetEvent
        from airflow.utils.context import OutletEventAccessors

__all__ = [
    "AssetEvent",
    "DagBag",
    "HookLineageCollector",
    "OutletEventAccessors",
    "TaskDeferralError",
    "attach",
    "sync_bag_to_db",
]
