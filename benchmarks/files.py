"""Large files down and up: how fast, and how much memory."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.harness import Budget, Line, Section, ask_child, in_turns, ratios
from benchmarks.textin import TEXTIN, LocalTextIn, local_textin
from benchmarks.triggerer import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from multiprocessing.connection import Connection

TITLE = "Large files"
HOW = """\
A result of 200 MB is stored with `TextInHook.download_xparse_result`, and fetched with `curl -o` from
the same address; a sparse file of 500 MB is submitted with `TextInHook.submit_xparse_job`, and posted
with `curl -F`. All on loopback and the same disk. Memory is how far the peak of the resident set rises
above what it was before, in a fresh process that has moved a small file first."""
MB = 1_000_000
DOWN, UP, SMALL = 200 * MB, 500 * MB, MB
DOWN_PAIRS, UP_PAIRS = 5, 3
SUBMIT_PATH = "/api/v1/xparse/parse/async"


@dataclass(frozen=True)
class Move:
    """How one file went."""

    seconds: float
    growth_mib: float = 0.0


def measure() -> Section:
    """Move files both ways, in turns with curl."""
    if shutil.which("curl") is None:
        return Section(TITLE, HOW, [], ["Not measured: there is no curl here."])
    with tempfile.TemporaryDirectory(prefix="textin-bench-") as folder:
        return Section(TITLE, HOW, [*_down(Path(folder)), *_up(Path(folder))])


def _down(folder: Path) -> list[Line]:
    from textin_provider.testing import JobScript

    with local_textin() as textin:
        scripts = [JobScript(result_bytes=s, pending_seconds=0, processing_seconds=0) for s in (SMALL, DOWN)]
        jobs = [textin("add_job", script) for script in scripts]
        paths = [str(folder / f"{job}.json") for job in jobs]
        url = _result_url(textin, jobs[1])
        found = in_turns(
            DOWN_PAIRS,
            ours=lambda: ask_child(_download, textin.environment(), list(zip(jobs, paths, strict=True))),
            curl=lambda: _curl("-o", str(folder / "curl.json"), url),
        )
    return _lines("download of 200 MB", DOWN, found, Budget(0.8, is_least=True))


def _up(folder: Path) -> list[Line]:
    from textin_provider.testing import JobScript

    paths = []
    for size in (SMALL, UP):
        path = folder / f"{size}.png"
        with path.open("wb") as file:
            # TextIn goes by the beginning, and does not look further into a picture.
            file.write(b"\x89PNG\r\n\x1a\n")
            file.truncate(size)
        paths.append(str(path))
    with local_textin() as textin:
        # Scripted to stay in work, so that nothing is read of what was sent.
        for _ in range(4 * UP_PAIRS):
            textin("script", JobScript(status="never"))
        found = in_turns(
            UP_PAIRS,
            ours=lambda: ask_child(_upload, textin.environment(), paths),
            curl=lambda: _curl(*_credentials(textin), "-F", f"file=@{paths[1]}", textin("url") + SUBMIT_PATH),
        )
    return _lines("upload of 500 MB", UP, found, None)


def _lines(what: str, size: int, found: Mapping[str, Sequence[Move]], budget: Budget | None) -> list[Line]:
    rates = {side: [size / MB / move.seconds for move in moves] for side, moves in found.items()}
    return [
        Line(f"{what}: throughput, against curl", ratios(rates["ours"], rates["curl"]), "x", budget),
        Line(f"{what}: throughput", rates["ours"], "MB/s"),
        Line(f"{what}: throughput of curl", rates["curl"], "MB/s"),
        Line(f"{what}: growth of memory", [move.growth_mib for move in found["ours"]], "MiB", Budget(32)),
    ]


def _download(pipe: Connection, environment: Mapping[str, str], jobs: Sequence[tuple[str, str]]) -> None:
    prepare(environment)
    from textin_provider.hooks.textin import TextInHook

    hook = TextInHook(TEXTIN)
    small, large = jobs
    pipe.send(_move(lambda: hook.download_xparse_result(*small), lambda: hook.download_xparse_result(*large)))


def _upload(pipe: Connection, environment: Mapping[str, str], paths: Sequence[str]) -> None:
    prepare(environment)
    from textin_provider.hooks.textin import TextInHook

    hook = TextInHook(TEXTIN)
    small, large = paths
    pipe.send(_move(lambda: hook.submit_xparse_job(small), lambda: hook.submit_xparse_job(large)))


def _move(warm_up: Callable[[], object], action: Callable[[], object]) -> Move:
    warm_up()
    before = _peak_kib(reset=True)
    begin = time.perf_counter()
    action()
    return Move(time.perf_counter() - begin, (_peak_kib() - before) / 1024)


def _peak_kib(*, reset: bool = False) -> int:
    """Return the peak of the resident set, from now on if it is reset."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def _curl(*arguments: str) -> Move:
    begin = time.perf_counter()
    command = ["curl", "--silent", "--show-error", "--fail", "--noproxy", "*", *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return Move(time.perf_counter() - begin)


def _credentials(textin: LocalTextIn) -> list[str]:
    headers = (f"x-ti-app-id: {textin('app_id')}", f"x-ti-secret-code: {textin('secret_code')}")
    return [part for header in headers for part in ("-H", header)]


def _result_url(textin: LocalTextIn, job_id: str) -> str:
    import requests

    headers = dict(header.split(": ") for header in _credentials(textin)[1::2])
    answer = requests.get(f"{textin('url')}{SUBMIT_PATH}/{job_id}", headers=headers, timeout=10)
    return str(answer.json()["data"]["result_url"])
