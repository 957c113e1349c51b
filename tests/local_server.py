"""A server program of Debian's for the time of a test, on a free port of 127.0.0.1."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NoReturn, Self

import pytest

from scripts.local_airflow import free_port

if TYPE_CHECKING:
    from signal import Signals

_GIVE_UP_AFTER = 60.0


class LocalServer:
    """Runs within a ``with`` block. It keeps its port when it is stopped and started again."""

    #: The Debian package.
    package: ClassVar[str]
    #: The signals that end it with, and without, an orderly shutdown.
    stop_signal: ClassVar[Signals]
    crash_signal: ClassVar[Signals]

    def __init__(self) -> None:
        self.port = free_port()

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix=f"textin-{self.package}-"))
        try:
            self.prepare()
            self.start()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._end(self.stop_signal)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def prepare(self) -> None:
        """Prepare the folder for the first start."""

    def command(self) -> list[str]:
        """Return the command that serves."""
        raise NotImplementedError

    def is_ready(self) -> bool:
        """Whether the server responds."""
        raise NotImplementedError

    def start(self) -> None:
        """Start the server, and wait until it is ready."""
        path = self.folder / "log"
        with path.open("ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, cwd=self.folder)
        deadline = time.monotonic() + _GIVE_UP_AFTER
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self._end(self.crash_signal)
                text = path.read_text(errors="replace")
                pytest.fail(f"{self.package} did not start: {text}", pytrace=False)
            time.sleep(0.05)

    def crash(self) -> None:
        """End the server without an orderly shutdown."""
        self._end(self.crash_signal)

    def missing(self) -> NoReturn:
        """Fail the test, and say what to install."""
        pytest.fail(f"There is no {self.package} here: apt-get install {self.package}", pytrace=False)

    def _end(self, signal: Signals) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal)
        self.process.wait()
