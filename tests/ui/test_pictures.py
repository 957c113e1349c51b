"""The pictures of the README; each shows what a test has seen to be so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from scripts.local_airflow import IS_AIRFLOW_2
from tests.ui.form import ReactForm

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.ui.website import Website

pytestmark = pytest.mark.skipif(IS_AIRFLOW_2, reason="the pictures show Airflow 3")


def test_the_form(page: Page, website: Website, take_picture: Callable[..., None]) -> None:
    page.set_viewport_size({"width": 1280, "height": 1300})
    form = ReactForm(page, website)
    form.new("textin_default")
    form.fill("App ID", "4f8a2c61d07b")
    form.fill("Secret code", "never saved")
    expect(form.dialog.get_by_label("Secret code")).to_have_attribute("type", "password")
    take_picture(form.dialog, "connection-form")
    form.show("Extra Fields")
    expect(form.dialog.locator("[name=element_result_hosts]")).to_be_visible()
    take_picture(form.dialog, "connection-form-extra")


def test_a_finished_run(page: Page, website: Website, take_picture: Callable[..., None]) -> None:
    website.trigger("example_xparse", "handbook")
    page.set_viewport_size({"width": 1280, "height": 420})
    page.goto(f"{website.url}/dags/example_xparse/runs/handbook")
    # Dates, durations and a user are on that side.
    page.get_by_label("Collapse Details Panel").click()
    page.get_by_label("Show Graph").click()
    tasks = page.locator(".react-flow__node")
    expect(tasks).to_have_count(3)
    # The page follows the run by itself.
    expect(tasks.get_by_text("success", exact=True)).to_have_count(3, timeout=120_000)
    page.mouse.move(640, 410)
    take_picture(page, "finished-run", style=".react-flow__minimap { visibility: hidden }")
