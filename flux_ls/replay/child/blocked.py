"""Side effects that are refused: the exception, what was called, and the line of the user's code that called it."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

NAME = "SideEffectBlocked"
_LIBRARIES = ("/site-packages/", "/dist-packages/", "/lib/python", "/lib64/python", "/__pypackages__/")
_OWN = str(Path(__file__).parent.parent.parent)
_MOST = 200


class SideEffectBlocked(RuntimeError):
    """A replay has no side effects: this one was refused."""


class WriteBlocked(SideEffectBlocked, PermissionError):
    """Of a file: libraries know what to do when a folder takes no files."""

    def __str__(self) -> str:
        return str(self.args[-1])


WriteBlocked.__name__ = WriteBlocked.__qualname__ = NAME


@dataclass(frozen=True)
class Refusal:
    call: str
    path: str | None
    line: int | None
    function: str | None


class _State(threading.local):
    ours = 0


_state = _State()
_refused: list[Refusal] = []
_root = ""


def look_in(root: str) -> None:
    """The user's code is below this folder."""
    global _root
    _root = root.rstrip("/\\") + "/"


@contextmanager
def ourselves() -> Iterator[None]:
    """What happens in here is done by the replay, and not by the application."""
    _state.ours += 1
    try:
        yield
    finally:
        _state.ours -= 1


def is_ourselves() -> bool:
    return _state.ours > 0


def refuse(call: str, *, write: bool = False, because: str = "") -> NoReturn:
    """Raises SideEffectBlocked, and remembers it: who catches it makes a good answer of it, perhaps."""
    raise refusal(call, write=write, because=because)


def refusal(call: str, *, write: bool = False, because: str = "", place: Refusal | None = None) -> SideEffectBlocked:
    found = place or here(call)
    if len(_refused) < _MOST:
        _refused.append(Refusal(call, found.path, found.line, found.function))
    where = f" at {shown(found.path)}:{found.line}" if found.path else ""
    text = f"{call} was refused{where}" + (f": {because}" if because else "")
    return WriteBlocked(30, text) if write else SideEffectBlocked(text)


def refused() -> list[dict[str, Any]]:
    return [asdict(each) for each in _refused]


def here(call: str = "") -> Refusal:
    """The innermost line of the user's code that runs now."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if is_the_users(file):
            return Refusal(call, file, frame.f_lineno, frame.f_code.co_qualname)
        frame = frame.f_back
    return Refusal(call, None, None, None)


def is_the_users(file: str) -> bool:
    path = file.replace("\\", "/")
    if not path.startswith(_root.replace("\\", "/")) or any(part in path for part in _LIBRARIES):
        return False
    return not path.startswith(_OWN.replace("\\", "/") + "/")


def shown(path: str | None) -> str:
    return (path or "").removeprefix(_root)
