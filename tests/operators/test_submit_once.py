"""The operators that submit to xParse: what the next try does with a stored intent and a stored job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from tests.operators.document import GATEWAY, MODES, Store, modes, submitted
from tests.running import TaskInstance, run
from textin_provider.exceptions import (
    TextInAuthenticationError,
    TextInServerError,
    TextInUncertainSubmitError,
)
from textin_provider.operators.xparse import XParseDocumentOperator, XParseSubmitOperator
from textin_provider.tasks.job_store import STATE_KEY
from textin_provider.testing import JobScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.running import Outcome

STARTED = "2026-11-26T01:02:03+00:00"
INTENT = {
    "state": "submitting",
    "fingerprint": "of another input",
    "document": "old.pdf",
    "started_at": STARTED,
}


@pytest.fixture(params=["submit", "document"])
def submit(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Return what runs one try of each operator that submits."""
    document = tmp_path / "contract.md"
    document.write_text("# Contract\n")

    def make(**options: Any) -> Any:
        arguments = {"task_id": "parse", "file": str(document), **options}
        if request.param == "submit":
            return XParseSubmitOperator(**arguments)
        return XParseDocumentOperator(output_path=f"{tmp_path}/out/", poll_interval=0.02, **arguments)

    def one_try(store: Store | None, max_tries: int = 2, **options: Any) -> Outcome:
        others = {} if store is None else {"task_state_store": store}
        before = TaskInstance.__init__

        def init(ti: TaskInstance) -> None:
            before(ti)
            ti.max_tries = max_tries

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(TaskInstance, "__init__", init)
            return run(lambda: make(**options), **others)

    return one_try


def _failing(store: Store, patch: pytest.MonkeyPatch, *, of: str) -> None:
    """Let the store fail to write intents or jobs."""
    write = store.set

    def fail(key: str, value: Any) -> None:
        if ("job_id" in value) == (of == "jobs"):
            raise ConnectionError("api server away")
        write(key, value)

    patch.setattr(store, "set", fail)


def test_a_try_that_finds_an_intent_fails_and_says_for_which_document(
    textin: TextInServer, store: Store, submit: Any
) -> None:
    store.set(STATE_KEY, INTENT)

    error = submit(store).raised()

    assert isinstance(error, TextInUncertainSubmitError)
    assert isinstance(error, AirflowFailException)
    assert "old.pdf" in str(error)
    assert STARTED in str(error)
    assert textin.count("*") == 0
    assert store.job == INTENT | {"reported_max_tries": 2}


def test_a_person_who_clears_the_task_after_the_report_sends_the_document_again(
    textin: TextInServer, store: Store, submit: Any
) -> None:
    store.set(STATE_KEY, INTENT)
    for _ in range(2):  # the second without a clear in between
        assert isinstance(submit(store, max_tries=2).raised(), TextInUncertainSubmitError)
    assert textin.count("*") == 0

    submit(store, max_tries=3).returned()

    assert submitted(textin) == (1, 1)
    assert store.job["job_id"] in textin.jobs


def test_resubmit_uncertain_sends_the_document_at_once(
    textin: TextInServer, store: Store, submit: Any
) -> None:
    store.set(STATE_KEY, INTENT)
    submit(store, resubmit_uncertain=True).returned()
    assert submitted(textin) == (1, 1)


def test_an_uncertain_submit_is_reported_by_its_own_try(
    textin: TextInServer, store: Store, submit: Any
) -> None:
    textin.fault("submit", ScriptedFault(cut="in_headers"))
    assert isinstance(submit(store).raised(), TextInUncertainSubmitError)
    assert {name: store.job[name] for name in ("state", "document", "reported_max_tries")} == {
        "state": "submitting",
        "document": "contract.md",
        "reported_max_tries": 2,
    }
    assert isinstance(submit(store).raised(), TextInUncertainSubmitError)
    submit(store, max_tries=3).returned()
    assert submitted(textin) == (2, 2)


def test_a_refusal_leaves_no_intent(textin: TextInServer, store: Store, submit: Any) -> None:
    textin.fault("submit", ScriptedFault(code=500))
    assert isinstance(submit(store).raised(), TextInServerError)
    assert store.values == {}
    submit(store).returned()
    assert textin.submissions == 1


def test_nothing_is_sent_if_the_intent_cannot_be_written(
    textin: TextInServer, store: Store, submit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _failing(store, monkeypatch, of="intents")
    error = submit(store).raised()
    assert isinstance(error, AirflowException)
    assert not isinstance(error, AirflowFailException)
    assert "nothing was submitted" in str(error)
    assert textin.count("submit") == 0


def test_a_job_that_cannot_be_stored_is_pushed_and_the_try_goes_on(
    textin: TextInServer,
    store: Store,
    submit: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    _failing(store, monkeypatch, of="jobs")
    outcome = submit(store)
    outcome.returned()
    [job_id] = textin.jobs
    assert outcome.xcoms["job_id"] == job_id
    logged = caplog.text + "".join(capfd.readouterr())
    assert f"xParse job {job_id} is accepted, but the task state store could not be written" in logged
    assert "contract.md" in logged
    assert isinstance(submit(store).raised(), TextInUncertainSubmitError)
    assert textin.submissions == 1


@modes
@pytest.mark.parametrize("comes_back", [False, True], ids=["stays away", "comes back"])
def test_a_try_that_fails_with_its_job_unstored_leads_to_no_second_submit(
    textin: TextInServer, store: Store, tmp_path: Path, mode: str, comes_back: bool
) -> None:
    (tmp_path / "contract.md").write_text("# Contract\n")
    textin.fault("result", GATEWAY, times=4)
    left = [2 if comes_back and mode == "deferrable" else 1 if comes_back else 100]
    write = store.set

    def fail(key: str, value: Any) -> None:
        if "job_id" in value and left[0] > 0:
            left[0] -= 1
            raise ConnectionError("api server away")
        write(key, value)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "set", fail)
        outcome = run(
            lambda: XParseDocumentOperator(
                task_id="parse",
                file=f"{tmp_path}/contract.md",
                output_path=f"{tmp_path}/out/",
                poll_interval=0.02,
                **MODES[mode],
            ),
            task_state_store=store,
        )

    [job_id] = textin.jobs
    error = outcome.raised()
    if comes_back:
        assert isinstance(error, TextInServerError)
        assert store.job["job_id"] == job_id
    else:
        assert isinstance(error, TextInUncertainSubmitError)
        assert job_id in str(error)
        assert "contract.md" in str(error)
        assert store.job["state"] == "submitting"


def test_what_airflow_kept_of_0_1_is_still_read(textin: TextInServer, store: Store, submit: Any) -> None:
    submit(store).returned()
    assert set(store.job) == {"job_id", "fingerprint", "submitted_at"}
    submit(store).returned()
    assert submitted(textin) == (1, 1)


def _submit(tmp_path: Path, store: Store | None, **options: Any) -> Outcome:
    path = tmp_path / "contract.md"
    path.write_text("# Contract\n")
    others = {} if store is None else {"task_state_store": store}
    arguments = {"task_id": "submit", "file": str(path), **options}
    return run(lambda: XParseSubmitOperator(**arguments), **others)


def test_a_submit_that_runs_again_returns_the_same_job(
    textin: TextInServer, store: Store, tmp_path: Path
) -> None:
    first = _submit(tmp_path, store)
    again = _submit(tmp_path, store)
    assert first.returned() == again.returned()
    assert first.xcoms == again.xcoms == {"job_id": first.value, "return_value": first.value}
    assert (*submitted(textin), textin.count("status")) == (1, 1, 1)


@pytest.mark.parametrize("fault", [GATEWAY, ScriptedFault(code=40306), ScriptedFault(cut="before_answer")])
def test_a_job_whose_state_cannot_be_seen_is_returned(
    textin: TextInServer, store: Store, tmp_path: Path, fault: ScriptedFault
) -> None:
    first = _submit(tmp_path, store).returned()
    textin.fault("status", fault)
    assert _submit(tmp_path, store).returned() == first
    assert submitted(textin) == (1, 1)


def test_a_job_that_failed_or_is_gone_is_submitted_again(
    textin: TextInServer, store: Store, tmp_path: Path
) -> None:
    textin.script(JobScript(states=["failed"]))
    first = _submit(tmp_path, store).returned()
    second = _submit(tmp_path, store).returned()
    textin.fault("status", ScriptedFault(code=404))
    third = _submit(tmp_path, store).returned()
    assert len({first, second, third}) == 3
    assert store.job["job_id"] == third


def test_bad_credentials_are_an_error_and_nothing_is_submitted(
    textin: TextInServer, store: Store, tmp_path: Path
) -> None:
    _submit(tmp_path, store).returned()
    textin.fault("status", ScriptedFault(code=40102))
    assert isinstance(_submit(tmp_path, store).raised(), TextInAuthenticationError)
    assert submitted(textin) == (1, 1)


def test_a_submit_that_is_not_durable_submits_again_and_keeps_nothing(
    textin: TextInServer, store: Store, tmp_path: Path
) -> None:
    first = _submit(tmp_path, store, durable=False).returned()
    assert first != _submit(tmp_path, store, durable=False).returned()
    assert store.values == {}


@pytest.mark.parametrize("key", ["job_id", "return_value"])
def test_without_a_store_a_job_id_that_cannot_be_handed_over_ends_the_task(
    textin: TextInServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    push = TaskInstance.xcom_push

    def fail(ti: TaskInstance, key_: str = "", value: Any = None, **named: Any) -> None:
        if named.get("key", key_) == key:
            raise ConnectionError("api server away")
        push(ti, key=named.get("key", key_), value=value)

    monkeypatch.setattr(TaskInstance, "xcom_push", fail)
    outcome = _submit(tmp_path, None)
    [job_id] = textin.jobs
    if key == "job_id":
        assert outcome.returned() == job_id
    else:
        assert isinstance(outcome.raised(), TextInUncertainSubmitError)
        assert job_id in str(outcome.raised())
        assert outcome.xcoms == {"job_id": job_id}


def test_a_changed_file_is_submitted_again(
    textin: TextInServer, store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = _submit(tmp_path, store).returned()
    (tmp_path / "other.md").write_text("# Other\n")
    second = _submit(tmp_path, store, file=f"{tmp_path}/other.md").returned()
    assert first != second
    assert submitted(textin) == (2, 2)
