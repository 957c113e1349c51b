"""Tests of Airflow's pages in a real browser; `make test-ui` runs these."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from scripts.local_airflow import IS_AIRFLOW_2, REPO
from textin_provider.testing import TextInServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Locator, Page

    from tests.ui.form import Form
    from tests.ui.website import Website

# What drives the browser is there only where these tests are to run.
collect_ignore_glob = [] if find_spec("playwright") else ["test_*.py"]

#: Bytes; the pictures are part of the README.
LARGEST_PICTURE = 150_000


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", action="store_true", help="renew the pictures in docs/images")


@pytest.fixture(scope="session")
def website(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Website]:
    """Run one Airflow for all tests, each of which has connections of its own."""
    from tests.ui.website import Website

    with TextInServer() as textin, Website(tmp_path_factory.mktemp("airflow"), textin) as airflow:
        yield airflow


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    from tests.ui.browser import chromium

    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    from tests.ui.browser import new_page

    with new_page(browser) as page:
        yield page


@pytest.fixture
def form(page: Page, website: Website) -> Form:
    from tests.ui.form import FabForm, ReactForm

    return FabForm(page, website) if IS_AIRFLOW_2 else ReactForm(page, website)


@pytest.fixture
def take_picture(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Page | Locator, str], None]:
    """Store a picture of a page, or of a part of it, where it belongs if it is asked for."""
    wanted = request.config.getoption("screenshots", default=False)
    folder = REPO / "docs" / "images" if wanted else tmp_path

    def take(subject: Page | Locator, name: str, **options: Any) -> None:
        path = folder / f"{name}.png"
        subject.screenshot(path=path, animations="disabled", **options)
        assert path.stat().st_size < LARGEST_PICTURE

    return take
