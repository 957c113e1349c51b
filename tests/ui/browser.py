"""Debian's Chromium, driven by Playwright, which brings no browser of its own here."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, ViewportSize

SIZE: ViewportSize = {"width": 1280, "height": 900}
#: Milliseconds. A page is slow the first time, on a machine that has just started an Airflow.
PATIENCE = 30_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a browser without a window."""
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("There is no Chromium here: apt-get install chromium", pytrace=False)
    with sync_playwright() as playwright:
        # Root has no sandbox, and a container little shared memory.
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        with playwright.chromium.launch(executable_path=program, args=arguments) as browser:
            yield browser


@contextmanager
def new_page(browser: Browser) -> Iterator[Page]:
    """Open a page that looks the same everywhere."""
    with browser.new_context(
        viewport=SIZE, locale="en-US", timezone_id="UTC", color_scheme="light", reduced_motion="reduce"
    ) as context:
        context.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        yield context.new_page()
