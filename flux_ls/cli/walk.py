"""Walking through the steps of a request with single keys."""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from flux_ls.answers.shapes import FrameShape, Step
from flux_ls.cli.keys import QUIT, Keys
from flux_ls.cli.opening import CannotOpen, open_at
from flux_ls.cli.terminal import Terminal, plain

PROMPT = "[n]ext  [p]rev  [e]rror  [o]pen  [q]uit"
_NEXT = ("n", " ", "\r", "\n", "j", "\x1b[B", "\x1b[C")
_PREVIOUS = ("p", "k", "\x1b[A", "\x1b[D")
_QUIT = (QUIT, "Q", "\x1b")


def walk(terminal: Terminal, root: Path, steps: Sequence[Step], show: Callable[[int], None]) -> None:
    """Shows one step after the other until the user has enough; `show` prints the step of an index."""
    # Ctrl-C ends it wherever it comes, between two keys as well.
    with Keys() as keys, contextlib.suppress(KeyboardInterrupt):
        _walk(terminal, root, steps, show, keys)


def _walk(terminal: Terminal, root: Path, steps: Sequence[Step], show: Callable[[int], None], keys: Keys) -> None:
    at = 0
    show(at)
    while True:
        terminal.ask(f"  {PROMPT}")
        key = keys.read()
        terminal.answered()
        if key in _QUIT:
            return
        if key in _NEXT:
            step = at + 1
            said = "this is the last one"
        elif key in _PREVIOUS:
            step = at - 1
            said = "this is the first one"
        elif key == "e":
            following = [*range(at + 1, len(steps)), *range(at + 1)]
            step = next((index for index in following if steps[index].error is not None), -1)
            said = "none of them has an error"
        elif key == "o":
            with keys.paused():
                _open(terminal, root, steps[at].frame)
            continue
        else:
            continue
        if 0 <= step < len(steps):
            at = step
            show(at)
        else:
            terminal.say(terminal.paint(f"  {said}", "dim"))


def _open(terminal: Terminal, root: Path, frame: FrameShape | None) -> None:
    if frame is None or frame.anchor in ("gone", "unmapped"):
        why = "this step has no place in the code" if frame is None else f"{plain(frame.path)} is not in this workspace"
        terminal.say(terminal.paint(f"  {why}", "dim"))
        return
    try:
        open_at(root / frame.path, frame.line)
    except CannotOpen as error:
        terminal.say(terminal.paint(f"  {plain(str(error))}", "warn"))
