"""A window of the editor: what a person does in it, and what a person sees."""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Browser, Error, Locator, Page, expect

from tests.e2e.processes import TookTooLong, eventually
from tests.e2e.vscode.code_server import CodeServer

WITHIN_S = 40
AGAIN_S = 5
"""How long a gesture is given to come to something, before it is made again."""
expect.set_options(timeout=WITHIN_S * 1000)

TOASTS = """
globalThis.fluxToasts = new Set();
new MutationObserver(() => {
  for (const toast of document.getElementsByClassName("notification-toast")) {
    globalThis.fluxToasts.add(toast.textContent);
  }
}).observe(document, { subtree: true, childList: true, characterData: true });
"""
"""Keeps what notifications have said: one that tells how far something is may be gone before anybody looks."""
PUBLISHED = """
return [...(flux?.diagnostics.values() ?? [])].flat().some((each) => each.data?.requestId === given[0])
"""

TIDY = """
const run = (name) => vscode.commands.executeCommand(name);
while (vscode.window.activeTextEditor?.document.isDirty) {
  await run("workbench.action.revertAndCloseActiveEditor");
}
await run("workbench.action.closeAllEditors");
await run("notifications.clearAll");
const configuration = vscode.workspace.getConfiguration("flux");
const [wanted] = given;
for (const name of Object.keys(vscode.extensions.getExtension("flux-ls.flux").packageJSON.contributes.configuration
    .properties).map((each) => each.slice("flux.".length))) {
  const set = configuration.inspect(name);
  if (set.globalValue !== undefined) {
    await configuration.update(name, undefined, true);
  }
  if (set.workspaceValue !== wanted[name]) {
    await configuration.update(name, wanted[name], false);
  }
}
const until = Date.now() + 40000;
while (wanted.store !== undefined && flux?.status?.store.path !== wanted.store) {
  if (Date.now() > until) {
    throw new Error(`the store is still ${flux?.status?.store.path}`);
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
}
"""
"""What one test leaves is not there for the next."""


class Window:
    """One page of a browser with a folder open in it, or a workspace of several."""

    def __init__(
        self,
        browser: Browser,
        server: CodeServer,
        folder: Path,
        file: Path | None = None,
        *,
        size: tuple[int, int] = (1280, 800),
        scale: float = 1,
        payload: list[tuple[str, str]] | None = None,
    ) -> None:
        self.server = server
        self.folder = folder
        self.asked_hosts: set[str] = set()
        self._context = browser.new_context(viewport={"width": size[0], "height": size[1]}, device_scale_factor=scale)
        self._context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.page: Page = self._context.new_page()
        self.page.add_init_script(f"if (window === window.top) {{ {TOASTS} }}")
        self.page.set_default_timeout(WITHIN_S * 1000)
        self.page.on("request", lambda request: self._note(request.url))
        told = list(payload or [])
        if file is not None:
            told.append(("openFile", f"vscode-remote://127.0.0.1:{server.port}{file}"))
        kind = "workspace" if folder.suffix == ".code-workspace" else "folder"
        address = f"http://127.0.0.1:{server.port}/?{kind}={quote(str(folder))}"
        if told:
            address += f"&payload={quote(json.dumps(told))}"
        self.page.goto(address)
        self.page.locator(".monaco-workbench").wait_for(timeout=60_000)
        if file is not None:
            self.line(0).wait_for(timeout=30_000)

    def _note(self, url: str) -> None:
        if (found := re.match(r"https?://([^/:]+)", url)) is not None and found[1] != "127.0.0.1":
            self.asked_hosts.add(found[1])

    def close(self) -> None:
        self._context.close()

    # What is on the screen.

    def line(self, index: int) -> Locator:
        """The visible line of the editor, from 0 at the top."""
        return self.page.locator(".editor-instance .view-lines > .view-line").nth(index)

    def text(self, text: str) -> Locator:
        """The first visible line of code that contains the text, as it stands there."""
        return self.page.locator(".editor-instance .view-line", has_text=_spaced(text)).first

    def lens(self, text: str) -> Locator:
        return self.page.locator(".codelens-decoration a", has_text=_spaced(text)).first

    def lenses(self) -> list[str]:
        return [_plain(text) for text in self.page.locator(".codelens-decoration").all_inner_texts()]

    def toast(self, text: str) -> Locator:
        return self.page.locator(".notification-toast", has_text=text).first

    def toasted(self, *texts: str) -> None:
        """Waits until a notification has said all of it at once, though it may be gone by now."""
        said = "(texts) => [...fluxToasts].some((each) => texts.every((text) => each.includes(text)))"
        self.eventually(lambda: self.page.evaluate(said, texts), f"a notification with {texts}")

    def failure(self, id: str, lens: str = "1 failure · last") -> None:
        """Waits until the code says that the request failed: to the editor, in the text, and above its function.

        What an editor shows when a file is opened again is at first what it showed there last.
        """
        self.eventually(lambda: self.host(PUBLISHED, id), f"a diagnostic of req:{id[:8]}")
        self.page.locator(".cdr[class*=squiggly-]").first.wait_for()
        self.lens(lens).wait_for()

    def status_item(self, text: str) -> Locator:
        return self.page.locator(".statusbar-item", has_text=text).first

    def tab(self, text: str) -> Locator:
        return self.page.locator(".tab", has_text=text).first

    def squiggles(self, severity: str = "error") -> int:
        """How many pieces of text are underlined: `error`, `warning`, `info` or `hint`."""
        return self.page.locator(f".cdr.squiggly-{severity}").count()

    def eventually(self, probe: Callable[[], Any], what: str, within: float = WITHIN_S) -> Any:
        try:
            return eventually(lambda: self._idle() or probe(), within=within, what=what)
        except TookTooLong as error:
            raise TookTooLong(f"{error}\n{self.describe()}") from None

    def _idle(self) -> None:
        # Playwright hands on events only while it is asked for something.
        self.page.wait_for_timeout(20)

    def describe(self) -> str:
        """What to know when something did not come."""
        seen = {
            "tabs": self.page.locator(".tab").all_inner_texts(),
            "lenses": self.lenses(),
            "toasts": self.page.locator(".notification-toast").all_inner_texts(),
            "status": self.page.locator(".statusbar-item").all_inner_texts(),
        }
        return json.dumps(seen, ensure_ascii=False, indent=1)

    # What a person does.

    def command(self, title: str) -> None:
        """Runs a command of the palette, by its whole title."""
        self.typed_after_f1(f">{title}", title)

    def typed_after_f1(self, typed: str, row: str) -> None:
        """Opens the palette, types, and takes the row that is then meant, which has the words.

        A list takes a moment to be that of what was typed.
        """
        meant = self.page.locator(".quick-input-widget .monaco-list-row.focused", has_text=row)

        def taken() -> bool:
            with suppress(Error):
                self.palette()
                self.quick_input().fill(typed, timeout=AGAIN_S * 1000)
                meant.wait_for(timeout=AGAIN_S * 1000)
                # A list that is open beside nobody's keyboard hears nothing.
                if self.quick_input().evaluate("(input) => input === document.activeElement"):
                    self.page.keyboard.press("Enter")
                    return True
            return False

        self.eventually(taken, f"{row!r} in the palette")

    def palette(self) -> None:
        """Opens it. A window that is busy, or a page that is still being loaded, does not hear each key."""

        def opened() -> bool:
            self.page.keyboard.press("F1")
            with suppress(Error):
                self.quick_input().wait_for(timeout=AGAIN_S * 1000)
            return self.quick_input().is_visible()

        self.eventually(opened, "the palette")

    def quick_input(self) -> Locator:
        return self.page.locator(".quick-input-widget input").first

    def quick_input_title(self, text: str) -> None:
        """Waits for the box with that title: what is typed before it is there goes into the one before it."""
        expect(self.page.locator(".quick-input-title")).to_contain_text(text)

    def quick_picks(self) -> list[str]:
        """The rows that can be chosen; those of a list that was closed stay in the document."""
        rows = self.page.locator(".quick-input-widget:visible .monaco-list-row")
        return [_plain(text) for text in rows.all_inner_texts()]

    def pick(self, text: str) -> None:
        """Takes the first row of a quick pick that contains the text."""
        row = self.page.locator(".quick-input-widget .monaco-list-row", has_text=text).first
        row.wait_for()
        row.click()

    def open(self, file: Path) -> None:
        """Opens a file."""
        self.host("await vscode.window.showTextDocument(vscode.Uri.file(given[0]), { preview: false })", str(file))
        self.tab(file.name).wait_for()

    def set(self, name: str, value: Any, *, user: bool = False) -> None:
        """Sets one of Flux's settings in the workspace, or the user's; None takes it away."""
        self.host(
            "await vscode.workspace.getConfiguration('flux').update(given[0], given[1], given[2])", name, value, user
        )

    def tidy(self, settings: Mapping[str, Any]) -> None:
        """Closes what is open, and takes back settings, notifications and filters; the workspace has these settings."""
        self.page.keyboard.press("Escape")
        self.page.mouse.move(5, 5)
        self.eventually(lambda: self.host("return flux !== undefined"), "the extension to be active")
        self.host(TIDY, settings, within=60)
        self.ready()
        self.host("await vscode.commands.executeCommand('flux.requests.clearFilter')")
        self.page.evaluate("fluxToasts.clear()")

    def hover(self, line: str, word: str, shows: str | re.Pattern[str] = "") -> Locator:
        """Puts the mouse on a word of the line of code; the hover that comes, with what is to be in it."""
        shown = self.page.locator(".monaco-hover:visible", has_text=shows).first

        def hovered() -> bool:
            with suppress(Error):
                self.text(line).locator("span span", has_text=word).first.hover()
                shown.wait_for(timeout=AGAIN_S * 1000)
                return True
            # It was asked for too early, or the text was drawn anew under it.
            self.away()
            return False

        self.eventually(hovered, f"a hover over {word!r} with {shows}")
        return shown

    def away(self) -> None:
        """Takes the mouse off the code."""
        self.page.keyboard.press("Escape")
        self.page.mouse.move(5, 5)

    def still(self) -> None:
        """Waits until nothing moves on the screen."""
        seen: list[bytes] = []

        def unchanged() -> bool:
            seen.append(self.page.screenshot())
            return len(seen) > 2 and len(set(seen[-3:])) == 1

        self.eventually(unchanged, "a screen that does not change")

    def screenshot(self, file: Path, of: Locator | None = None) -> None:
        """A picture of the window, or of a part of it."""
        file.parent.mkdir(parents=True, exist_ok=True)
        (of or self.page).screenshot(path=file)

    def reload(self) -> None:
        """Loads the window anew, and waits until the extension host of the new one is there."""
        before = self.server.hosts(self.folder)
        self.command("Developer: Reload Window")
        self.eventually(lambda: self.server.hosts(self.folder) - before, "another extension host")

    def in_code(self) -> None:
        """Waits until the keyboard is in a text editor."""
        focused = "document.activeElement?.closest('.editor-instance .monaco-editor') != null"
        self.eventually(lambda: self.page.evaluate(focused), "the keyboard in the code")

    def again(self, gesture: Callable[..., None], until: Callable[[], Any], what: str) -> None:
        """Makes a gesture until something comes of it: what is drawn anew under the mouse, say, hears nothing."""

        def made() -> bool:
            with suppress(Error):
                gesture(timeout=AGAIN_S * 1000)
            with suppress(TookTooLong):
                self.eventually(until, what, AGAIN_S)
                return True
            return False

        self.eventually(made, what)

    def click_lens(self, lens: str, *texts: str) -> None:
        """Clicks a lens until a page has all of the texts: one that is drawn anew under the mouse hears nothing."""

        def clicked() -> bool:
            with suppress(Error):
                self.lens(lens).click(timeout=AGAIN_S * 1000)
            with suppress(TookTooLong):
                return bool(self.page_text(*texts))
            return False

        self.eventually(clicked, f"a page with {texts} to come of the lens {lens!r}", within=2 * WITHIN_S)

    def host(self, code: str, *given: Any, within: float = WITHIN_S) -> Any:
        """What a function body returns in the extension host; it sees `vscode`, `flux` and `given`."""
        return self.server.host(self.folder, code, *given, within=within)

    def ready(self, within: float = WITHIN_S) -> None:
        """Waits until the language server runs."""
        self.eventually(lambda: self.life() == "running", "the language server to run", within)

    def life(self) -> str:
        """Of the language server: one that is being stopped is none that runs."""
        return str(self.host("return flux?.client === undefined ? `no ${flux?.server.life.kind}` : 'running'"))

    def page_text(self, *texts: str) -> str:
        """The text of a page that is shown, as soon as all of it is there: pages are in frames of their own."""

        def found() -> str:
            for frame in self.page.frames:
                with suppress(Error):
                    text = frame.locator("body").inner_text(timeout=1000)
                    if frame is not self.page.main_frame and all(each in text for each in texts):
                        return str(text)
            return ""

        return str(self.eventually(found, f"a page with {texts}", within=WITHIN_S))

    def expect(self, locator: Locator) -> Any:
        return expect(locator)


def _plain(text: str) -> str:
    return " ".join(text.replace("\xa0", " ").split())


def _spaced(text: str) -> re.Pattern[str]:
    """The editor writes code with spaces that do not break."""
    return re.compile(re.escape(text).replace(r"\ ", r"\s"))
