"""Each document of a folder is paid for once, whatever is killed between its submit and its stored result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.fleet import kill
from textin_provider.testing import JobScript, ScriptedFault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.fleet import Fleet

TASK, DOCUMENTS = "parse", 8


@pytest.fixture(autouse=True)
def _clean(fleet: Fleet) -> Iterator[None]:
    yield
    fleet.textin.clear_faults()


class Run:
    """One run over a folder of its own, whose jobs all last so many seconds."""

    def __init__(self, fleet: Fleet, run_id: str, seconds: float) -> None:
        self._fleet, self.run_id = fleet, run_id
        self._before = fleet.textin.submissions
        source = fleet.results / run_id / "in"
        source.mkdir(parents=True)
        for number in range(DOCUMENTS):
            (source / f"{number}.md").write_text(f"# Document {number} of {run_id}\n")
            fleet.textin.script(JobScript(pending_seconds=0, processing_seconds=seconds))
        fleet.trigger("e2e_folder", run_id)

    @property
    def submitted(self) -> int:
        """The number of documents that TextIn has accepted since the run began."""
        return self._fleet.textin.submissions - self._before

    def until_state(self, state: str) -> None:
        self._fleet.until(
            lambda: self._fleet.task(self.run_id, TASK).state == state, f"{self.run_id} is {state}"
        )

    def assert_each_document_is_paid_once(self, *, tries: int) -> None:
        self.until_state("success")
        assert self.submitted == DOCUMENTS
        assert self._fleet.task(self.run_id, TASK).try_number == tries
        output = self._fleet.results / self.run_id / "out"
        lines = [json.loads(line) for line in (output / "manifest.jsonl").read_text().splitlines()]
        assert len(lines) == DOCUMENTS
        for line in lines:
            assert json.loads(Path(line["output_paths"]["json"]).read_text())["elements"]


def test_a_triggerer_that_is_killed_leaves_its_wait_to_the_next(fleet: Fleet) -> None:
    run = Run(fleet, "folder-triggerer-killed", seconds=30)
    run.until_state("deferred")
    fleet.kill("triggerer")
    fleet.start("triggerer")
    run.assert_each_document_is_paid_once(tries=1)


def test_a_worker_that_is_killed_while_it_stores_is_followed_by_one_that_goes_on(fleet: Fleet) -> None:
    fleet.textin.fault("result", ScriptedFault(delay=120))
    run = Run(fleet, "folder-killed-storing", seconds=2)
    fleet.until(lambda: run.submitted == DOCUMENTS, "all documents are submitted")
    fleet.until(lambda: fleet.textin.usage.jobs_in_work == 0, "all jobs have ended")
    fleet.until(fleet.clients_of_textin, "a task talks to TextIn")
    kill(fleet.clients_of_textin())
    run.assert_each_document_is_paid_once(tries=2)
