"""What a trigger is made from and what it yields go through JSON and come out the same, within bounds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from tests.faults.strategies import TEXT
from tests.faults.test_properties_of_answers import check_storable
from tests.running import reload
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.xparse.models import XParseJob
from textin_provider.polling.decision import Outcome
from textin_provider.polling.policy import PollPolicy
from textin_provider.polling.xparse import JobWait
from textin_provider.triggers.docflow import DocFlowBatchTrigger
from textin_provider.triggers.xparse import XParseJobTrigger

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

IDS = st.lists(st.from_regex(r"[A-Za-z0-9_-]{1,40}", fullmatch=True), min_size=1, max_size=8, unique=True)
SECONDS = st.floats(min_value=0.01, max_value=1e9)
USUAL = {
    "textin_conn_id": TEXT,
    "poll_interval": SECONDS,
    "deadline": SECONDS,
    "timeout": SECONDS,
    "exponential_backoff": st.booleans(),
    "max_wait": st.none() | SECONDS,
    "looks": st.integers(min_value=0, max_value=10**6),
}
TRIGGERS = st.builds(XParseJobTrigger, job_id=IDS | IDS.map(lambda ids: ids[0]), **USUAL) | st.builds(
    DocFlowBatchTrigger,
    selector=st.sampled_from(["batch_number", "file_id", "task_id"]),
    value=TEXT,
    workspace_id=TEXT,
    expected_files=st.integers(min_value=1, max_value=10**6),
    **USUAL,
)
FAULTS = st.builds(
    ApiError,
    st.sampled_from(ErrorKind),
    about=TEXT,
    message=TEXT,
    fix=TEXT,
    code=st.none() | st.integers(),
    detail=st.none() | TEXT,
    request_id=st.none() | TEXT,
    retry_after=st.none() | st.floats(min_value=0, max_value=86_400),
)
SEEN = st.builds(
    XParseJob,
    job_id=st.just(""),
    reported=st.sampled_from(["pending", "in_progress", "completed", "failed", "stopped"]),
    file_id=st.none() | st.just("f1"),
    result_url=st.none() | st.just("https://textin.com/r?sign=hush-hush"),
    message=st.none() | st.just("why" * 160),
)
LOOKS = st.lists(st.tuples(FAULTS | SEEN, st.floats(min_value=0, max_value=30)), max_size=60)


@given(TRIGGERS)
def test_a_trigger_is_the_same_after_it_was_stored(trigger: BaseTrigger) -> None:
    path, kwargs = trigger.serialize()
    assert reload(trigger).serialize() == (path, json.loads(json.dumps(kwargs)))


@given(IDS, st.booleans(), LOOKS)
def test_a_wait_ends_once_with_an_event_that_can_be_stored(ids: list[str], is_list: bool, looks: Any) -> None:
    wait = JobWait(ids if is_list else ids[0], PollPolicy(1.0, deadline=600.0, timeout=600.0))
    now, event = 0.0, None
    for seen, later in looks:
        now += later
        key = next(iter(wait.pending))
        if isinstance(seen, ApiError):
            decision = wait.on_error(key, seen, now=now)
        else:
            job = XParseJob(key, seen.reported, seen.file_id, seen.result_url, seen.message)
            decision = wait.on_state(key, job, now=now)
        event = decision.event
        assert decision.delay is None or 0 <= decision.delay <= max(0.0, 600.0 - now)
        if event is not None:
            break
    if event is not None:
        check_storable(event)
        assert event["ending"] in tuple(Outcome)
        assert len(json.dumps(event)) < 64_000
        assert "hush-hush" not in json.dumps(event)
        if event["ending"] == Outcome.ERROR:
            assert not ApiError.from_dict(event["fault"]).kind.is_transient
