"""The views in the side bar and the pages in panels, as a person sees and uses them."""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from playwright.sync_api import Error, Frame, Locator

from tests.e2e.vscode.window import AGAIN_S, Window


class Pane:
    """One view of the side bar."""

    def __init__(self, window: Window, name: str) -> None:
        self.window = window
        self.name = name
        self.element = window.page.locator(
            ".pane", has=window.page.locator(f'.pane-header[aria-label^="{name}"]')
        ).first

    def show(self) -> "Pane":
        """Opens it."""
        view = {"Live Requests": "flux.requests", "Failures": "flux.failures"}[self.name]
        self.window.host("await vscode.commands.executeCommand(given[0])", f"{view}.focus")
        self.element.wait_for()
        return self

    def in_it(self) -> None:
        """Puts the keyboard in it; where it has been empty, there was nothing to put it on."""
        focused = "(pane) => pane.contains(document.activeElement?.closest('.monaco-list') ?? null)"
        self.window.eventually(lambda: self.show().element.evaluate(focused), f"the keyboard in {self.name}")

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

    def wait(self, expected: Sequence[str | re.Pattern[str]], what: str) -> None:
        """Until the rows are these; each is a part of what its row reads."""

        def same() -> bool:
            texts = self.texts()
            return len(texts) == len(expected) and all(map(_is_in, expected, texts))

        try:
            self.window.eventually(same, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\nrows: {self.texts()}") from None

    def click(self, row: str, until: Callable[[], Any], what: str) -> None:
        """Clicks a row until that came of it."""
        self.window.again(self.row(row).click, until, what)

    def select(self, *rows: str) -> None:
        """Selects rows besides those that are selected; to click one twice would take it back."""
        for text in rows:
            row = self.element.locator(".monaco-list-row.selected", has_text=text)

            def selected(text: str = text, row: Locator = row) -> bool:
                if row.count() == 0:
                    with suppress(Error):
                        self.row(text).click(modifiers=["Control"], timeout=AGAIN_S * 1000)
                return row.count() > 0

            self.window.eventually(selected, f"{text!r} to be selected")

    def action(self, row: str, title: str) -> None:
        """Clicks an action that stands in a row; the tooltip of another row may be in front of it."""
        # At once: the tree may be drawn anew whenever something finishes.
        clicked = (
            "(pane, [text, title]) => {"
            " const rows = [...pane.querySelectorAll('.monaco-list-row')];"
            " const row = rows.find((each) => each.textContent.includes(text));"
            " const action = row?.querySelector(`.action-label[aria-label^='${title}']`);"
            " action?.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true }));"
            " return action != null; }"
        )
        self.row(row).hover()
        self.window.eventually(lambda: self.element.evaluate(clicked, [row, title]), f"{title!r} in {row!r}")

    def title_action(self, title: str) -> Locator:
        self.element.hover(position={"x": 20, "y": 10})
        return self.element.locator(f'.pane-header .action-label[aria-label^="{title}"]').first

    def context(self, row: str, title: str) -> None:
        """Takes an entry of a row's menu, which does not hear a click while it opens."""
        entry = self.window.page.locator(".monaco-menu .action-item", has_text=title).first

        def opened() -> bool:
            with suppress(Error):
                self.row(row).click(button="right", timeout=AGAIN_S * 1000)
                entry.wait_for(timeout=AGAIN_S * 1000)
            return entry.is_visible()

        def taken() -> bool:
            with suppress(Error):
                entry.click(timeout=1000)
            return not entry.is_visible()

        self.window.eventually(opened, f"{title!r} in a menu")
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


def has_keyboard(window: Window, frame: Frame) -> None:
    """Waits until the page hears the keys."""
    window.eventually(lambda: frame.evaluate("document.hasFocus()"), "the keyboard in the page")


def _is_in(part: str | re.Pattern[str], text: str) -> bool:
    return part in text if isinstance(part, str) else part.search(text) is not None


def cursor(window: Window) -> list[Any]:
    """The file in which the keyboard last was, the line and the column, from 1, in UTF-16 units."""
    found: list[Any] = window.host(
        "const editor = vscode.window.activeTextEditor; if (editor === undefined) { return []; }"
        "const { line, character } = editor.selection.active;"
        "return [editor.document.uri.path.split('/').at(-1), line + 1, character + 1]"
    )
    return found
