"""Reports to Airflow's lineage which documents were read and which results were written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from textin_provider.api.text import redact_url
from textin_provider.hooks.paths import local_path, path_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow.providers.common.compat.sdk import BaseHook

    from textin_provider.hooks.paths import PathValue


def report(hook: BaseHook, kind: Literal["input", "output"], addresses: Iterable[PathValue]) -> None:
    """
    Report documents or results to the hook lineage collector, for listeners such as OpenLineage.

    :param addresses: local paths, object storage URLs or http(s) addresses, whose queries are left out.
    """
    for address in addresses:
        try:
            _report_one(hook, kind, address)
        except Exception as error:
            # Airflow rejects some addresses as assets, and collectors are plugins; neither must lose a
            # result that is paid for.
            hook.log.debug("No lineage for %s: %s", redact_url(str(address)), error)


def _report_one(hook: BaseHook, kind: Literal["input", "output"], address: PathValue) -> None:
    from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

    collector = get_hook_lineage_collector()
    add = collector.add_input_asset if kind == "input" else collector.add_output_asset
    add(context=hook, uri=_uri(address))


def _uri(address: PathValue) -> str:
    local = local_path(address)
    return local.absolute().as_uri() if local else redact_url(path_text(address)).removesuffix("?...")
