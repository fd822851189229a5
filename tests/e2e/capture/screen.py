"""A terminal without a window: a program in tmux, typed at, and read with its colours."""

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self


class NeverShown(AssertionError):
    """The screen did not come to show what was waited for."""


def available() -> bool:
    return shutil.which("tmux") is not None


class Screen:
    """One program in a terminal of a fixed size, on a tmux server of its own."""

    def __init__(
        self, argv: Sequence[str | Path], *, folder: Path, env: Mapping[str, str], columns: int = 100, rows: int = 30
    ) -> None:
        self._server = f"flux-{secrets.token_hex(4)}"
        environment = {name: value for name, value in env.items() if not name.startswith("TMUX")}
        terminal = {"TERM": "tmux-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
        self._environment = environment | terminal
        self._tmux(
            *("-f", os.devnull, "new-session", "-d", "-x", str(columns), "-y", str(rows), "-c", str(folder)),
            *("--", *map(str, argv)),
        )
        self._tmux("set-option", "-g", "status", "off")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        subprocess.run(["tmux", "-L", self._server, "kill-server"], capture_output=True, check=False, timeout=40)

    def type(self, text: str) -> None:
        """Types characters as they are."""
        self._tmux("send-keys", "-l", "--", text)

    def press(self, *keys: str) -> None:
        """Presses keys by tmux's names, such as `Enter` or `C-w`."""
        self._tmux("send-keys", *keys)

    def text(self) -> str:
        """What is on the screen, without colours."""
        return self._tmux("capture-pane", "-p")

    def picture(self) -> str:
        """What is on the screen, with its colours as escape sequences."""
        return self._tmux("capture-pane", "-p", "-e", "-N")

    def until(self, *wanted: str, within: float = 40, still: float = 0.3) -> None:
        """Waits until the screen shows all that is wanted and has come to rest."""
        deadline, before, since = time.monotonic() + within, "", time.monotonic()
        while True:
            now = self.text()
            if now != before:
                before, since = now, time.monotonic()
            if all(words in now for words in wanted) and time.monotonic() - since >= still:
                return
            if time.monotonic() > deadline:
                missing = [words for words in wanted if words not in now]
                raise NeverShown(f"waited {within:g} s for {missing or 'the screen to rest'} on:\n{now}")
            time.sleep(0.05)

    def ended(self, within: float = 40) -> None:
        """Waits until the program has ended by itself."""
        deadline = time.monotonic() + within
        while (
            subprocess.run(["tmux", "-L", self._server, "has-session"], capture_output=True, timeout=40).returncode == 0
        ):
            if time.monotonic() > deadline:
                raise NeverShown(f"waited {within:g} s for the end of the program on:\n{self.text()}")
            time.sleep(0.05)

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._server, *words],
            env=self._environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=40,
        )
        assert done.returncode == 0, f"tmux {words[0]}: {done.stderr}"
        return done.stdout
