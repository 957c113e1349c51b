"""What a folder of documents costs: as one task, as mapped tasks, and as a loop over TextIn's own client."""

from __future__ import annotations

import logging
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.harness import Budget, Line, Section, ask_child, say
from benchmarks.standalone import LocalAirflow, local_airflow
from benchmarks.textin import LocalTextIn, local_textin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

    from textin_provider.testing import Usage

TITLE = "A folder"
RATE, JOBS = 20.0, 50
DOCUMENTS, QUICK = 2000, 2.0
COMPARED, LASTING = 1000, 10.0
MAPPED, LOOPED = 100, 8
UNCHANGED, DISTINCT = 100_000, 100
#: Seconds after which a run is taken to submit nothing.
_FIRST_SUBMIT = 60.0
FOLDER, EACH = "one_folder", "a_document_each"
HOW = f"""\
`airflow standalone` with its defaults (LocalExecutor, here four tasks at a time, and SQLite) runs
`XParseFolderOperator` (deferrable) over a folder of small documents on local disk. The account allows
{RATE:g} requests a second and {JOBS} jobs in work, and refuses what is beyond; the connection knows both.
Throughput: {DOCUMENTS:,} documents whose jobs last {QUICK:g} s; the requests that are let in from the first
submit to the last one, and the documents to the end of the task, of which each needs two requests.
Worker seconds: {COMPARED:,} documents whose jobs last {LASTING:g} s; the seconds that processes of tasks
were there, against {MAPPED} mapped
`XParseDocumentOperator`s (deferrable), and against a loop over {LOOPED} documents with TextIn's own package
`xparse-client`, which waits for one job after the other. Both are scaled to {COMPARED:,} documents.
Unchanged: a second run over {UNCHANGED:,} documents, {DISTINCT} of which differ."""
NOTES = (
    "Requests keep a tenth below the ceiling of the connection, so at most 90 % of what the account allows "
    "is used.",
)


@dataclass(frozen=True)
class Run:
    """
    One run of a DAG.

    :param worker_seconds: for which processes of tasks were there.
    :param seconds: from the first submit to the end of the last task.
    :param rate: requests a second that were let in while there was something to send, 0 if not watched.
    """

    worker_seconds: float
    task_runs: int
    seconds: float
    rate: float


def measure() -> Section:
    """Run all of it, one after the other."""
    if version("apache-airflow").startswith("2."):
        return Section(TITLE, HOW, [], ["Not measured: this asks Airflow 3 for runs, and reads its log."])
    lines: list[Line] = []
    for part in (_throughput, _worker_seconds, _unchanged):
        say(f"  {part.__name__.strip('_').replace('_', ' ')}")
        lines += part()
    return Section(TITLE, HOW, lines, NOTES)


def _throughput() -> Iterator[Line]:
    with _place(QUICK) as (home, textin, airflow):
        _run(textin, airflow, FOLDER, _documents(home / "first", 4), home / "warm" / "results")
        before = textin("usage")
        run = _run(
            textin, airflow, FOLDER, _documents(home / "in", DOCUMENTS), home / "out" / "results", DOCUMENTS
        )
        after = textin("usage")
        _check(textin, DOCUMENTS + 4)
    let_in = after.requests - before.requests
    refused = _refused(after) - _refused(before)
    name = f"{DOCUMENTS:,} documents"
    documents = 100 * DOCUMENTS / run.seconds / (RATE / 2)
    yield Line(
        f"{name}: let in, of what is allowed",
        [100 * run.rate / RATE],
        "%",
        Budget(89.5, True, ">= 90 %, rounded"),
    )
    yield Line(f"{name}: documents, of what two requests each allow", [documents], "%")
    yield Line(f"{name}: refused", [100 * refused / (let_in + refused)], "%", Budget(1))
    yield Line(f"{name}: requests a document", [let_in / DOCUMENTS], "")
    yield Line(f"{name}: seconds", [run.seconds], "s")
    yield Line(f"{name}: worker seconds", [run.worker_seconds], "s")


def _worker_seconds() -> Iterator[Line]:
    with _place(LASTING) as (home, textin, airflow):
        _run(textin, airflow, EACH, _documents(home / "first", 4), home / "warm" / "results")
        each = _run(textin, airflow, EACH, _documents(home / "each", MAPPED), home / "mapped" / "results")
        one = _run(textin, airflow, FOLDER, _documents(home / "in", COMPARED), home / "out" / "results")
        _check(textin, 4 + MAPPED + COMPARED)
        looped = ask_child(_loop, textin("connection"), str(_documents(home / "loop", LOOPED)))
    mapped = each.worker_seconds * COMPARED / MAPPED
    loop = looped * COMPARED / LOOPED
    yield Line(f"{COMPARED:,} documents, one folder: worker seconds", [one.worker_seconds], "s")
    yield Line(f"{COMPARED:,} documents, one folder: seconds", [one.seconds], "s")
    yield Line(f"{COMPARED:,} documents, one folder: runs of the task", [one.task_runs], "")
    yield Line(f"{COMPARED:,} documents, mapped: worker seconds", [mapped], "s")
    yield Line(f"{COMPARED:,} documents, loop over xparse-client: worker seconds", [loop], "s")
    yield Line("folder against mapped tasks", [one.worker_seconds / mapped], "x", Budget(1 / 20))
    yield Line("folder against the loop", [one.worker_seconds / loop], "x", Budget(1 / 5))


def _unchanged() -> Iterator[Line]:
    with _place(0.0, limited=False) as (home, textin, airflow):
        source, output = _documents(home / "in", UNCHANGED, DISTINCT), home / "out" / "results"
        first = _run(textin, airflow, FOLDER, source, output)
        _memory_of(output).unlink()
        second = _run(textin, airflow, FOLDER, source, output)
        begin, end = map(float, _memory_of(output).read_text().split())
        _check(textin, DISTINCT)
    name = f"{UNCHANGED:,} documents"
    yield Line(f"{name}, new, {DISTINCT} submits: worker seconds", [first.worker_seconds], "s")
    yield Line(f"{name}, unchanged: worker seconds", [second.worker_seconds], "s", Budget(60))
    yield Line(f"{name}, unchanged: growth of memory", [end - begin], "MiB", Budget(200))


@contextmanager
def _place(lasting: float, *, limited: bool = True) -> Iterator[tuple[Path, LocalTextIn, LocalAirflow]]:
    """Run a TextIn whose jobs last so long, and an Airflow."""
    from textin_provider.testing import Account

    account = Account(RATE, JOBS) if limited else None
    with (
        tempfile.TemporaryDirectory(prefix="textin-bench-") as home,
        local_textin(account=account, pending_seconds=0, processing_seconds=lasting) as textin,
        local_airflow(Path(home), textin.environment()) as airflow,
    ):
        airflow.await_dags(FOLDER, EACH)
        yield Path(home), textin, airflow


def _documents(folder: Path, count: int, distinct: int = 0) -> Path:
    """Write documents, all different or of so many contents."""
    folder.mkdir()
    for number in range(count):
        content = f"# Document {number % (distinct or count)} of {folder.name}\n"
        (folder / f"{number:06d}.md").write_text(content)
    return folder


def _memory_of(output: Path) -> Path:
    """Return the file in which the processes of a run note their memory."""
    return output.with_name("memory.txt")


def _run(
    textin: LocalTextIn, airflow: LocalAirflow, dag_id: str, source: Path, output: Path, count: int = 0
) -> Run:
    """Run a DAG over a folder, and watch until the last of ``count`` documents was accepted."""
    output.parent.mkdir(exist_ok=True)
    before, submitted = len(airflow.task_runs()), textin("submissions")
    run_id = airflow.start(dag_id, source=str(source), output=str(output), memory=str(_memory_of(output)))
    begin = time.time()
    while textin("submissions") == submitted and time.time() < begin + _FIRST_SUBMIT:
        time.sleep(0.1)
    begin = time.time()
    rate = _rate_until(textin, submitted + count) if count else 0.0
    end = airflow.await_end(dag_id, run_id)
    time.sleep(2)  # the log tells of the end of a process a little later
    runs = airflow.task_runs()[before:]
    return Run(sum(runs), len(runs), end - begin, rate)


def _rate_until(textin: LocalTextIn, submissions: int) -> float:
    """Return the requests a second that are let in until so many documents were accepted."""
    begin, before = time.monotonic(), textin("usage").requests
    while textin("submissions") < submissions:
        time.sleep(0.5)
    return float((textin("usage").requests - before) / (time.monotonic() - begin))


def _refused(usage: Usage) -> int:
    return usage.rate_refusals + usage.job_refusals


def _check(textin: LocalTextIn, documents: int) -> None:
    accepted = textin("submissions")
    if accepted != documents:
        raise RuntimeError(f"{accepted} documents were accepted, not {documents}.")


def _loop(pipe: Connection, connection: dict[str, str], folder: str) -> None:
    """Submit one document after the other, wait for the job of each, and send the seconds that it took."""
    from xparse_client import XParseClient

    logging.disable()  # it logs each request
    begin = time.monotonic()
    with XParseClient(
        app_id=connection["login"], secret_code=connection["password"], server_url=connection["host"]
    ) as client:
        for path in Path(folder).iterdir():
            with path.open("rb") as file:
                job = client.parse.create_job(file=file, filename=path.name)
            client.parse.wait_job(job_id=job.job_id)
    pipe.send(time.monotonic() - begin)
