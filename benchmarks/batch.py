"""What watching a DocFlow batch moves over the network, against fetching it whole."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from benchmarks.harness import Budget, Line, Section, ask_child, in_turns, ratios
from benchmarks.textin import TEXTIN, LocalTextIn, local_textin
from benchmarks.triggerer import Running, Stored, batch_wait, prepare

if TYPE_CHECKING:
    from collections.abc import Mapping
    from multiprocessing.connection import Connection

TITLE = "Bytes polled of a DocFlow batch"
HOW = """\
A batch of 1,000 files with 10 kB of extracted data each, one of them still in work: the bytes of
answers that TextIn sends for one round of `DocFlowBatchTrigger`, against one
`TextInHook.fetch_docflow_files` of the same batch."""
PAIRS = 2
#: Requests of one round: one for each terminal state, and one for the total.
REQUESTS = 4


def measure() -> Section:
    """Compare a round of polls with a fetch."""
    from textin_provider.testing import FileScript

    with local_textin() as textin:
        number = textin("add_batch", files=[FileScript(status="never")], count=999, data_bytes=10_000)
        wait = batch_wait(number, textin("workspace_id"), 0.5)
        found = in_turns(
            PAIRS, poll=lambda: _bytes_per_round(textin, wait), fetch=lambda: _bytes_fetched(textin, number)
        )
    polled, fetched = found["poll"], found["fetch"]
    budget = Budget(1 / 50, words="<= 1/50")
    lines = [
        Line("bytes per round, against the whole batch", ratios(polled, fetched), "x", budget),
        Line("bytes per round", polled, "bytes"),
        Line("bytes of the whole batch", fetched, "bytes"),
    ]
    return Section(TITLE, HOW, lines)


def _bytes_per_round(textin: LocalTextIn, wait: Stored) -> float:
    sent, count = textin("bytes_sent", "fetch"), textin("count", "fetch")
    ask_child(_watch, textin.environment(), wait)
    rounds = (textin("count", "fetch") - count) / REQUESTS
    return float((textin("bytes_sent", "fetch") - sent) / rounds)


def _bytes_fetched(textin: LocalTextIn, batch_number: str) -> float:
    sent = textin("bytes_sent", "fetch")
    ask_child(_fetch, textin.environment(), batch_number)
    return float(textin("bytes_sent", "fetch") - sent)


def _watch(pipe: Connection, environment: Mapping[str, str], wait: Stored) -> None:
    prepare(environment)

    async def watch() -> None:
        running = Running()
        await running.start([wait])
        await asyncio.sleep(4)
        await running.stop()

    asyncio.run(watch())
    pipe.send(None)


def _fetch(pipe: Connection, environment: Mapping[str, str], batch_number: str) -> None:
    prepare(environment)
    from textin_provider.hooks.textin import TextInHook

    files = TextInHook(TEXTIN).fetch_docflow_files(batch_number)
    if len(files) != 1000:
        raise RuntimeError(f"{len(files)} files were fetched, not 1,000")
    pipe.send(None)
