"""
Run the example DAGs on a real Airflow against a local TextIn, and show the progress (`make demo`).

The states of tasks are read from the log and the database of Airflow, those of jobs and files from the local
TextIn. The exit code is 0 only if every task succeeded, the wait tasks were deferred, and each result has the
size and the hash of its manifest.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sqlite3
import sys
import time
from collections import Counter
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scripts.local_airflow import REPO, AirflowFailedError, environment, run, running, stop_on_signals, tail
from textin_provider.api.docflow import RecognitionStatus
from textin_provider.testing import PLANS, TextInServer

HOME = REPO / ".airflow-demo"
LOG = HOME / "demo.log"
RESULTS = HOME / "results"
GIVE_UP_AFTER = 300.0
#: What `airflow dags test` logs: a task begins, its trigger begins, the trigger ends, the task ends. It runs
#: one task at a time, and not every version writes each state to the database.
STEP = re.compile(
    r"\[DAG TEST\] (?:(starting) task_id=(\S+) map_index=(-?\d+)"
    r"|(running trigger)|(Trigger completed)|(end) task)"
)
MEANINGS = {
    "deferred": "waits in the triggerer's loop and holds no worker",
    "pending": "TextIn has queued it",
    "in_progress": "TextIn works on it",
    "completed": "the result can be fetched",
}


def main() -> int:
    """Run the example DAGs one after the other and return the exit code."""
    stop_on_signals()
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir()
    try:
        with TextInServer(pending_seconds=2.0, processing_seconds=4.0, account=PLANS["paid"]) as textin:
            airflow = version("apache-airflow")
            print(f"Airflow {airflow} and a local TextIn at {textin.url}: no bill.")
            print(f"Its account has the plan paid: {textin.account}.")
            print(f"Airflow's log goes to {LOG.relative_to(REPO)}; each start of Airflow takes some seconds.")
            env = environment(HOME, textin.connection(), RESULTS)
            run(["db", "migrate"], env, LOG)
            xparse = show("example_xparse", "one document: submit, wait, download", textin, env)
            show_folder_twice(textin, env)
            docflow = show("example_docflow", "a batch of invoices: upload, wait, download", textin, env)
            for progress in (xparse, docflow):
                if not progress.deferred:
                    raise AirflowFailedError(
                        f"The wait was not deferred; states at the end: {progress.tasks}."
                    )
            print("\n`airflow dags test` takes one task at a time; a scheduler defers all waits at once.")
            print(
                f"TextIn was sent {textin.submissions} documents and {textin.uploads_accepted} invoices."
                f" Results: {RESULTS.relative_to(REPO)}/"
            )
            usage = textin.usage
            print(
                f"The account let in {usage.requests} requests and refused"
                f" {usage.rate_refusals + usage.job_refusals}; at most {usage.most_jobs_in_work} jobs"
                " were in work at once."
            )
            print("Next: `make airflow` opens the same in the browser.")
    except AirflowFailedError as error:
        print(f"\n{tail(LOG)}The demo failed. {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    return 0


def show(dag_id: str, title: str, textin: TextInServer, env: dict[str, str]) -> Progress:
    """Run one DAG, print each change of state, and then the stored results."""
    print(f"\n{dag_id}: {title}\n$ airflow dags test {dag_id}\n")
    progress = Progress(dag_id, textin)
    with running(["dags", "test", dag_id], env, LOG) as process:
        while process.poll() is None:
            progress.update()
            if progress.seconds > GIVE_UP_AFTER:
                raise AirflowFailedError(f"{dag_id} has not ended after {GIVE_UP_AFTER:.0f} seconds.")
            time.sleep(0.05)
        progress.update()
    unsuccessful = {task: state for task, state in progress.tasks.items() if state != "success"}
    if process.returncode != 0 or unsuccessful or not progress.tasks:
        raise AirflowFailedError(
            f"{dag_id} ended with exit code {process.returncode}; tasks: {progress.tasks}."
        )
    manifests = progress.manifests()
    for manifest in manifests:
        show_result(manifest, lines=4 if len(manifests) == 1 else 1)
    return progress


def show_folder_twice(textin: TextInServer, env: dict[str, str]) -> None:
    """Run the DAG of a folder, and run it again, which must pay nothing."""
    show("example_xparse_folder", "every document of a folder, each paid for once", textin, env)
    paid = textin.submissions
    show("example_xparse_folder", "the same folder again: nothing is new", textin, env)
    if textin.submissions != paid:
        raise AirflowFailedError(f"The second run sent {textin.submissions - paid} documents again.")
    print(f"\n  The second run sent no document: {paid} were paid for before, and {paid} are now.")


class Progress:
    """Prints each change of the tasks of a DAG, and of the jobs and files at the local TextIn, once."""

    def __init__(self, dag_id: str, textin: TextInServer) -> None:
        self.tasks: dict[str, str] = {}
        self.deferred = False
        self._dag_id = dag_id
        self._textin = textin
        self._log_position = LOG.stat().st_size
        self._task = ("", -1)
        self._earlier = {*textin.jobs, *textin.files}
        self._known: dict[str, str] = {}
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        """Return the seconds since the DAG was started."""
        return time.monotonic() - self._start

    def update(self) -> None:
        """Print each change of a task, job or file since the last time."""
        for line in self._new_log_lines():
            if step := STEP.search(line):
                self._apply(step)
        now = time.monotonic()
        for job_id, job in self._textin.jobs.items():
            state = job.state(now)
            self._report_once(
                "  job", job_id, job_id[:8], state, f"{job.filename}: {MEANINGS.get(state, '')}"
            )
        for file_id, file in self._textin.files.items():
            status = RecognitionStatus(file.status(now)).name.lower()
            self._report_once("  file", file_id, f"..{file_id[-6:]}", status, file.name)

    def _report_once(self, what: str, identity: str, name: str, state: str, note: str) -> None:
        if identity not in self._earlier and self._known.get(identity) != state:
            self._known[identity] = state
            self._print(what, name, state, note)

    def _apply(self, step: re.Match[str]) -> None:
        starting, task_id, map_index, trigger_starting, _trigger_ended, end = step.groups()
        if starting:
            self._task = (task_id, int(map_index))
        task_id, index = self._task
        state = "running"
        if trigger_starting:
            state, self.deferred = "deferred", True
        elif end:
            [(state,)] = self._query(
                "SELECT state FROM task_instance WHERE dag_id = ? AND task_id = ? AND map_index = ?"
                " ORDER BY start_date DESC LIMIT 1",
                task_id,
                index,
            )
        name = task_id if index < 0 else f"{task_id} [{index}]"
        self.tasks[name] = state
        self._print("task", name, state, MEANINGS.get(state, ""))

    def _new_log_lines(self) -> list[str]:
        with LOG.open("rb") as log:
            log.seek(self._log_position)
            lines, _, _unfinished = log.read().rpartition(b"\n")
        self._log_position += len(lines) + 1 if lines else 0
        return lines.decode(errors="replace").splitlines()

    def manifests(self) -> list[dict[str, Any]]:
        """Return the manifests of the results that the DAG has stored, of a folder those of its last run."""
        rows = self._query(
            "SELECT value FROM xcom WHERE dag_id = ? AND task_id IN ('download', 'parse')"
            " AND key = 'return_value' ORDER BY timestamp"
        )
        values = [_decode(value) for (value,) in rows]
        if not values or "manifest_path" not in values[-1]:
            return values
        with Path(values[-1]["manifest_path"]).open() as lines:
            stored = [json.loads(line) for line in lines]
        return [line | {"output_path": line["output_paths"]["json"]} for line in stored]

    def _print(self, what: str, name: str, state: str, note: str) -> None:
        print(f"{self.seconds:7.1f} s  {what:<6} {name:<14} {state:<12} {note}".rstrip(), flush=True)

    def _query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"{(HOME / 'airflow.db').as_uri()}?mode=ro", uri=True)) as database:
            return database.execute(sql, (self._dag_id, *parameters)).fetchall()


def show_result(manifest: dict[str, Any], lines: int) -> None:
    """Print the head of a stored result, and check its size and hash against the manifest."""
    path = Path(manifest["output_path"])
    content = path.read_bytes()
    found = {"size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    if {name: manifest[name] for name in found} != found:
        raise AirflowFailedError(f"{path} is not what its manifest says: {found} instead of {manifest}.")
    print(f"\n  {path.relative_to(REPO)}: {len(content):,} bytes\n  sha256 {found['sha256']}")
    if path.suffix == ".jsonl":
        show_fields([json.loads(line) for line in content.splitlines()], lines)
    else:
        show_elements(json.loads(content), lines)


def show_fields(files: list[dict[str, Any]], lines: int) -> None:
    """Print what DocFlow extracted from each file."""
    for file in files:
        print(f"  {file['name']} ({file['category']}):")
        for field in file["data"]["fields"][:lines]:
            print(f"    {_line(field['key'])}: {_line(field['value'])}")


def show_elements(result: dict[str, Any], lines: int) -> None:
    """Print the first elements that xParse found, and the first lines of its Markdown."""
    elements = result["elements"]
    kinds = Counter(element["type"] for element in elements).most_common()
    print(f"  elements: {', '.join(f'{number} {kind}' for kind, number in kinds)}")
    for element in elements[:lines]:
        print(f"    {element['type']:<14} {_line(element['text'])}")
    print("  markdown:")
    for line in [line for line in result["markdown"].splitlines() if line.strip()][:lines]:
        print(f"    {_line(line)}")


def _decode(value: Any) -> Any:
    """Read an XCom as it lies in the database: bytes of JSON in Airflow 2, JSON within JSON in Airflow 3."""
    while isinstance(value, str | bytes):
        value = json.loads(value)
    return value


def _line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 80 else f"{text[:77]}..."


if __name__ == "__main__":
    sys.exit(main())
