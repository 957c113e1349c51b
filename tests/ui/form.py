"""The connection form of each Airflow, as a person sees and uses it. Fields are known by their labels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.ui.website import Website

CONNECTION_TYPE = "TextIn"


class Field(NamedTuple):
    """A field as the form shows it."""

    label: str
    value: str = ""
    placeholder: str = ""
    type: str = "text"


class Form(Protocol):
    """What a person does with the form."""

    def new(self, conn_id: str) -> None:
        """Open an empty form, name the connection and choose its type."""

    def edit(self, conn_id: str) -> None:
        """Open the form of a stored connection."""

    def fields(self) -> list[Field]:
        """Return the fields below the type, from top to bottom."""

    def fill(self, label: str, value: str) -> None:
        """Write into a field, and leave it."""

    def save(self) -> None:
        """Save, and wait until Airflow says that it has."""

    def test(self, conn_id: str, secret: str) -> str:
        """Press *Test* for a stored connection, and return what Airflow says then."""


class ReactForm:
    """Airflow 3: a dialog with sections, of which one is open; *Test* is a button in the list."""

    def __init__(self, page: Page, website: Website) -> None:
        self._page, self._list = page, f"{website.url}/connections"
        self.dialog = page.get_by_role("dialog")
        self._fields = self.dialog.locator("[data-scope=field][data-part=root]")

    def new(self, conn_id: str) -> None:
        self._page.goto(self._list)
        self._page.get_by_role("button", name="Add Connection").first.click()
        self.dialog.get_by_label("Connection ID").fill(conn_id)
        self.dialog.get_by_role("combobox").press_sequentially(CONNECTION_TYPE)
        self._page.get_by_role("option", name=CONNECTION_TYPE, exact=True).click()

    def edit(self, conn_id: str) -> None:
        self._row(conn_id).get_by_role("button", name="Edit Connection").click()

    def fields(self) -> list[Field]:
        expect(self.dialog.locator("[name=element_result_hosts]")).to_be_attached()
        # The editor of the whole extra has no label.
        return [_look(field) for field in self._fields.filter(has=self._page.locator("label")).all()[2:]]

    def fill(self, label: str, value: str) -> None:
        named = self._page.locator("label", has_text=re.compile(rf"^\s*{re.escape(label)}\s*$"))
        field = self._fields.filter(has=named)
        self._open(field.locator("xpath=ancestor::*[@data-scope='accordion'][@data-part='item']"))
        control = field.locator("input, textarea")
        control.fill(value)
        control.blur()

    def show(self, section: str) -> None:
        """Open a section."""
        trigger = self._page.get_by_role("button", name=section, exact=True)
        self._open(self.dialog.locator("[data-scope=accordion][data-part=item]").filter(has=trigger))

    def save(self) -> None:
        self.dialog.get_by_role("button", name="Save").click()
        expect(self.dialog).to_be_hidden()

    def test(self, conn_id: str, secret: str) -> str:
        # The page knows the secret as *** alone, which stands for the stored one.
        self._row(conn_id).get_by_role("button", name="Test Connection").click()
        return str(self._page.locator("[data-scope=toast][data-part=description]").inner_text())

    def _row(self, conn_id: str) -> Locator:
        self._page.goto(self._list)
        return self._page.get_by_role("row").filter(has=self._page.get_by_text(conn_id, exact=True))

    @staticmethod
    def _open(section: Locator) -> None:
        trigger = section.locator("[data-part=item-trigger]")
        if trigger.get_attribute("aria-expanded") == "false":
            trigger.click()


class FabForm:
    """Airflow 2: a page with all fields in a table; *Test* is a button on it, and tests what stands there."""

    def __init__(self, page: Page, website: Website) -> None:
        self._page, self._pages = page, f"{website.url}/connection"
        page.goto(f"{website.url}/login/")
        page.locator("#username").fill("admin")
        page.locator("#password").fill(website.password)
        page.locator("[type=submit]").click()

    def new(self, conn_id: str) -> None:
        self._page.goto(f"{self._pages}/add")
        self._page.get_by_label("Connection Id").fill(conn_id)
        self._page.locator(".select2-selection").click()
        self._page.locator(".select2-results__option").get_by_text(CONNECTION_TYPE, exact=True).click()

    def edit(self, conn_id: str) -> None:
        self._page.goto(f"{self._pages}/list/")
        row = self._page.get_by_role("row").filter(has=self._page.get_by_text(conn_id, exact=True))
        row.locator("a[href*='/connection/edit/']").click()

    def fields(self) -> list[Field]:
        return [_look(row) for row in self._page.locator("#model_form tr:visible").all()[2:]]

    def fill(self, label: str, value: str) -> None:
        self._page.get_by_label(label, exact=True).fill(value)

    def save(self) -> None:
        self._page.locator("#model_form [type=submit]").click()
        expect(self._page.get_by_text(re.compile("(Added|Changed) Row"))).to_be_visible()

    def test(self, conn_id: str, secret: str) -> str:
        self.edit(conn_id)
        # The page does not know it.
        self.fill("Secret code", secret)
        self._page.locator("#test-connection").click()
        # It is green whatever came of it.
        return str(self._page.locator(".alert-success, .alert-error").inner_text())


def _look(field: Locator) -> Field:
    control = field.locator("input, textarea").first
    return Field(
        field.locator("label").inner_text().strip(),
        control.input_value(),
        control.get_attribute("placeholder") or "",
        control.get_attribute("type") or "text",
    )
