"""Single keys from the terminal, without Enter and without an echo."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import click

QUIT = "q"


class Keys:
    """Reads keys while it is open. What was typed ahead is kept; Ctrl-C, Ctrl-D and the end of input are `q`."""

    def __init__(self) -> None:
        self._waiting = ""
        self._before: list[object] | None = None

    def __enter__(self) -> Self:
        self._enter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._leave()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Gives the terminal to another program for a while."""
        self._leave()
        try:
            yield
        finally:
            self._enter()

    def read(self) -> str:
        """One key; an arrow is its whole sequence."""
        try:
            if not self._waiting:
                self._waiting = self._typed()
        except (EOFError, KeyboardInterrupt):
            return QUIT
        length = 3 if self._waiting.startswith(("\x1b[", "\x1bO")) else 1
        key, self._waiting = self._waiting[:length], self._waiting[length:]
        return key if key not in ("", "\x03", "\x04") else QUIT

    if sys.platform == "win32":

        def _enter(self) -> None:
            pass

        def _leave(self) -> None:
            pass

        def _typed(self) -> str:
            return click.getchar()

    else:

        def _enter(self) -> None:
            import termios
            import tty

            fd = sys.stdin.fileno()
            self._before = termios.tcgetattr(fd)
            # Not flushing: a key may have been typed before we asked.
            tty.setcbreak(fd, termios.TCSADRAIN)

        def _leave(self) -> None:
            import termios

            if self._before is not None:
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._before)  # type: ignore[arg-type]
                self._before = None

        def _typed(self) -> str:
            return os.read(sys.stdin.fileno(), 64).decode(errors="ignore")
