"""
SIGKILL at any step of a run: no content is accepted twice, no document is lost, every result is whole.

The moments are drawn from a seed. KILLS=50 in the environment draws so many for each storage.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.folder.victim import Attempt, Result, attempt

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.s3 import Bucket
    from textin_provider.testing import TextInServer

pytestmark = pytest.mark.slow

SEED = 15
MOMENTS = int(os.environ.get("KILLS", "8"))
NAMES = [f"{number}.md" for number in range(7)]
#: Documents with the same content as another one.
TWINS = ["twin.md", "deep/twin.md"]
#: The threads that submit: each may leave one document uncertain.
THREADS = 4


class Place:
    """Where documents and results are: this worker, or a bucket."""

    def __init__(self, tmp_path: Path, bucket: Bucket | None) -> None:
        self._bucket = bucket
        self._folder = tmp_path
        self.source, self.output = (
            (bucket.url("in"), bucket.url("out")) if bucket else (f"{tmp_path}/in", f"{tmp_path}/out")
        )

    def write(self) -> None:
        for name in [*NAMES, *TWINS]:
            content = f"# {'twin' if name in TWINS else name}\n\nA document.\n".encode()
            if self._bucket:
                self._bucket.put(f"in/{name}", content)
            else:
                path = self._folder / "in" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)

    def read(self, name: str) -> bytes | None:
        if self._bucket:
            keys = self._bucket.keys()
            return self._bucket.get(f"out/{name}") if f"out/{name}" in keys else None
        path = self._folder / "out" / name
        return path.read_bytes() if path.exists() else None


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(("AIRFLOW", "AWS"))}


def _attempt(place: Place, kill_at: int = 0, **options: Any) -> Result:
    arguments = {"task_id": "parse", "source": place.source, "output_path": place.output, **options}
    return attempt(Attempt({"poll_interval": 0.05, "timeout": 60.0, **arguments}, _environment(), kill_at))


def _accepted(textin: TextInServer) -> Counter[str]:
    return Counter(job.sha256 for job in textin.jobs.values())


def _check(place: Place, textin: TextInServer, ended: Result) -> int:
    """Check what a killed run and those after it have left; return how many documents are uncertain."""
    assert ended.value is not None, ended
    value = ended.value
    assert max(_accepted(textin).values()) == 1, "a content was accepted twice"
    assert value["found"] == len(NAMES) + len(TWINS)
    done = value["unchanged"] + value["copied"] + value["succeeded"]
    assert done + value["uncertain"] == value["found"], value
    lines = [json.loads(line) for line in (place.read("manifest.jsonl") or b"").splitlines()]
    for line in lines:
        name = line["source"].rpartition("/in/")[2]
        if line["status"] == "succeeded":
            stored = place.read(f"{name}.json")
            assert stored is not None, name
            assert ("twin" if name in TWINS else name) in json.loads(stored)["markdown"]
    assert Counter(line["status"] for line in lines) == +Counter(
        {"succeeded": done, "uncertain": value["uncertain"]}
    )
    return int(value["uncertain"])


@pytest.mark.parametrize("deferrable", [False, True], ids=["worker", "deferrable"])
@pytest.mark.parametrize("storage", ["local", "s3"])
def test_no_kill_pays_twice_or_loses_a_document(
    storage: str,
    deferrable: bool,
    new_textin: Callable[[], TextInServer],
    request: pytest.FixtureRequest,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    rng = random.Random(f"{SEED} {storage} {deferrable}")
    steps, uncertain, killed = 0, [], 0
    for number in range(MOMENTS // 2 + 1):
        bucket = request.getfixturevalue("s3_bucket") if storage == "s3" else None
        place = Place(tmp_path / str(number), bucket and bucket.empty())
        place.write()
        textin = new_textin()
        kill_at = rng.randint(1, steps) if steps else 0
        first = _attempt(place, kill_at, deferrable=deferrable)
        if not number:
            steps = first.steps
            assert first.value is not None, first
            assert first.value["succeeded"] + first.value["copied"] == len(NAMES) + len(TWINS), first
        killed += first.was_killed
        ended = _attempt(place, deferrable=deferrable)
        uncertain.append(_check(place, textin, ended))
        assert uncertain[-1] <= THREADS
        if uncertain[-1]:
            last = _attempt(place, resubmit_uncertain=True)
            assert last.value is not None
            assert last.value["uncertain"] == 0, last
    record_property("kills", [storage, deferrable, killed, sum(uncertain), max(uncertain)])
    assert killed >= MOMENTS // 4
