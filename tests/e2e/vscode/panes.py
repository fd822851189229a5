"""The views in the side bar and the pages in panels, as a person sees and uses them."""

import re
from contextlib import suppress
from typing import Any

from playwright.sync_api import Error, Frame, Locator

from tests.e2e.vscode.window import Window


class Pane:
    """One view of the side bar."""

    def __init__(self, window: Window, name: str) -> None:
        self.window = window
        self.name = name
        self.element = window.page.locator(
            ".pane", has=window.page.locator(f'.pane-header[aria-label^="{name}"]')
        ).first

    def show(self) -> "Pane":
        """Opens it, with the keyboard in it."""
        view = {"Live Requests": "flux.requests", "Failures": "flux.failures"}[self.name]
        self.window.host("await vscode.commands.executeCommand(given[0])", f"{view}.focus")
        self.element.wait_for()
        return self

    def texts(self) -> list[str]:
        """The rows that are in sight, label and description."""
        found: list[str] = self.element.locator(".monaco-list-row").evaluate_all(
            "(rows) => rows.sort((one, other) => one.dataset.index - other.dataset.index).map((row) =>"
            " [...row.querySelectorAll('.label-name, .label-description')].map((each) => each.textContent).join('  '))"
        )
        return found

    def row(self, text: str) -> Locator:
        return self.element.locator(".monaco-list-row", has_text=text).first

    def icon(self, text: str) -> tuple[str, str]:
        """Of a row: which one, and its colour."""
        found = self.row(text).locator(".custom-view-tree-node-item-icon").first
        name = re.search(r"codicon-([\w-]+)", str(found.get_attribute("class")))
        assert name is not None
        return name[1], str(found.evaluate("(icon) => getComputedStyle(icon).color"))

    def wait(self, expected: list[str], what: str) -> None:
        """Until the rows are these; each is a part of what its row reads."""

        def same() -> bool:
            texts = self.texts()
            return len(texts) == len(expected) and all(part in text for part, text in zip(expected, texts, strict=True))

        try:
            self.window.eventually(same, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\nrows: {self.texts()}") from None

    def action(self, row: str, title: str) -> None:
        """Clicks an action that stands in a row; the tooltip of another row may be in front of it."""
        self.row(row).hover()
        self.row(row).locator(f'.action-label[aria-label^="{title}"]').first.dispatch_event("click")

    def title_action(self, title: str) -> Locator:
        self.element.hover(position={"x": 20, "y": 10})
        return self.element.locator(f'.pane-header .action-label[aria-label^="{title}"]').first

    def context(self, row: str, title: str) -> None:
        """Takes an entry of a row's menu, which does not hear a click while it opens."""
        entry = self.window.page.locator(".monaco-menu .action-item", has_text=title).first
        self.row(row).click(button="right")
        entry.wait_for()

        def taken() -> bool:
            with suppress(Error):
                entry.click(timeout=1000)
            return not entry.is_visible()

        self.window.eventually(taken, f"{title!r} to be taken")


def page(window: Window, within: str) -> Frame:
    """The page of ours that has this element in it: each is a frame in a frame."""

    def found() -> Frame | None:
        for frame in window.page.frames:
            # Frames come and go while they are looked at.
            with suppress(Error):
                if frame is not window.page.main_frame and frame.locator(within).count() > 0:
                    return frame
        return None

    shown: Frame = window.eventually(found, f"a page with {within}")
    return shown


def cursor(window: Window) -> list[Any]:
    """The file in which the keyboard last was, the line and the column, from 1, in UTF-16 units."""
    found: list[Any] = window.host(
        "const editor = vscode.window.activeTextEditor; if (editor === undefined) { return []; }"
        "const { line, character } = editor.selection.active;"
        "return [editor.document.uri.path.split('/').at(-1), line + 1, character + 1]"
    )
    return found
