"""Storing the results of many jobs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from textin_provider.api.errors import ApiError
from textin_provider.tasks.threads import map_in_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

log = logging.getLogger(__name__)


def store_results(
    job_ids: Sequence[str], store: Callable[[str], dict[str, Any]]
) -> tuple[dict[str, dict[str, Any]], list[ApiError]]:
    """
    Store the result of each job once, a few at a time; an error of one job does not stop the others.

    :param store: stores the result of a job and returns its manifest.
    :return: the manifests by job id, and the errors of the other jobs, which are logged.
    """
    distinct = list(dict.fromkeys(job_ids))
    stored: dict[str, dict[str, Any]] = {}
    errors: list[ApiError] = []
    for job_id, outcome in zip(distinct, map_in_threads(store, distinct), strict=True):
        if isinstance(outcome, ApiError):
            log.error("%s", outcome)
            errors.append(outcome)
        else:
            stored[job_id] = outcome
    return stored, errors
