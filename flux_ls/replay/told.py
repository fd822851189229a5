"""What a process tells of a run, and what that says: an answer, or why there is none."""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from flux_ls.replay.rows import NotPutBack
from flux_ls.replay.shapes import Blocked, Guard, Kernel


class Trouble(Struct, frozen=True):
    """Why the application could not be run, or did not come to an end."""

    reason: str
    mend: str | None = None
    is_late: bool = False
    """Its time was over."""


_NAME_IT = 'name it: app = "pkg.mod:app" under [tool.flux], FLUX_APP or --app'


class Ran(Struct, frozen=True):
    """What a run told."""

    guard: Guard | None
    trouble: Trouble | None = None
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    body_total: int = 0
    duration_ms: float = 0.0
    error: Mapping[str, str] | None = None
    """The exception that it died of: `type`, `message`, `stacktrace`."""
    traces: tuple[bytes, ...] = ()
    """What the recorder exported, as OTLP."""
    blocked: tuple[Blocked, ...] = ()
    notes: tuple[str, ...] = ()
    kernel: tuple[Kernel, ...] = ()
    own_process: str | None = None
    """Why it had a process of its own, where it could have shared one."""
    was_tried: bool = True
    """False where the trouble is an earlier run's, which this one would have had, too."""
    put_back: int = 0
    not_put_back: tuple[NotPutBack, ...] = ()
    not_put_back_rows: int = 0
    left_in: tuple[str, ...] = ()
    """The tables in which there may be what the recorded request made: it, or the same under another key."""


class Told:
    """The lines of one run, as they come."""

    def __init__(self, before: Mapping[str, dict[str, Any]] | None = None) -> None:
        self.lines: dict[str, dict[str, Any]] = dict(before or {})
        """The first of each kind; `before` is what was told of the process once for all of its runs."""
        self.traces: list[bytes] = []
        self.made: dict[str, dict[str, Any]] = {}
        """Databases that nobody has dropped yet."""

    def hear(self, line: bytes) -> None:
        try:
            told = json.loads(line)
        except ValueError:
            return
        kind = told.get("kind")
        if kind == "trace":
            self.traces.append(base64.b64decode(told["body"]))
        elif kind == "made":
            self.made[told["database"]["name"]] = told["database"]
        elif kind == "dropped":
            self.made.pop(told["name"], None)
        elif isinstance(kind, str):
            self.lines.setdefault(kind, told)

    def has(self, kind: str) -> bool:
        return kind in self.lines

    def ran(self, trouble: Trouble | None) -> Ran:
        told = self.lines
        guard = told.get("guard", {})
        notes = tuple(_notes(told))
        done = told.get("done")
        if done is None or trouble is not None:
            blocked = blocked_of(told.get("error", {}).get("blocked", ()))
            return Ran(guard.get("guard"), trouble, blocked=blocked, notes=notes, kernel=tuple(guard.get("kernel", ())))
        return Ran(
            guard=guard.get("guard"),
            status=done["status"],
            headers=tuple((name, value) for name, value in done["headers"]),
            body=base64.b64decode(done["body"]),
            body_total=done["body_total"],
            duration_ms=round(done["duration_ms"], 3),
            error=done["error"],
            traces=tuple(self.traces),
            blocked=blocked_of(done["blocked"]),
            notes=(*notes, *done["notes"]),
            kernel=tuple(guard.get("kernel", ())),
            own_process=told.get("alone", {}).get("because"),
        )


def trouble_of(
    told: Told, python: str, timeout_s: float, *, in_time: bool, code: int | None, words: str
) -> Trouble | None:
    """`code` is how the process ended, `words` the last that it wrote."""
    lines = told.lines
    if (old := lines.get("old")) is not None:
        return Trouble(f"{python} is Python {old['version']}", "a replay needs Python 3.11 or later")
    if (error := lines.get("error")) is not None:
        return _error(error)
    if "done" in lines:
        return None
    if not in_time or "hung" in lines:
        return Trouble(_hung(lines, timeout_s), "raise --timeout, if it only is slow", is_late=True)
    code = lines.get("over", lines.get("ended", {})).get("code", code)
    how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
    if "app" in lines:
        return Trouble(f"the application ended its process ({how})")
    return Trouble(f"the process ended before the application was there ({how}){words}")


def _error(error: Mapping[str, Any]) -> Trouble:
    at = error.get("at")
    where = f" at {at['path']}:{at['line']}" if at else ""
    if where and error["message"].endswith(where):
        where = ""
    target = error.get("target")
    if error["stage"] == "find":
        return Trouble(error["message"], error.get("mend") or _NAME_IT)
    if error["stage"] == "import":
        name = f"{target} " if target else "the application "
        return Trouble(
            f"{name}cannot be imported: {error['message']}{where}", "run it in the environment that the service has"
        )
    if error["stage"] == "start":
        return Trouble(f"the application does not start: {error['message']}{where}")
    return Trouble(f"the replay itself failed: {error['message']}{where}")


def _hung(told: Mapping[str, Mapping[str, Any]], timeout_s: float) -> str:
    at = (told.get("hung") or {}).get("at")
    where = f", at {at['path']}:{at['line']}" if at else ""
    what = "the request" if "app" in told else "the application's import"
    return f"{what} did not end within {timeout_s:g} s{where}"


def _notes(told: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    guard, recorder = told.get("guard"), told.get("recorder")
    if guard is not None:
        yield from _of_the_guard(guard)
    if recorder is not None and not recorder["on"]:
        yield f"functions and rows were not recorded: {recorder['because']}"
    if tables := told.get("done", {}).get("rows", {}).get("triggers"):
        yield f"what triggers of {', '.join(tables)} wrote was not recorded, and stays as it is"
    if (used := told.get("rolled_back")) is not None:
        yield (
            f"the database {used['database']} could not be copied: it was used in a transaction that was rolled back, "
            "which its sequences (the next ids) are not"
        )


def _of_the_guard(guard: Mapping[str, Any]) -> Iterator[str]:
    """What it does not stop, and why."""
    if guard["because"] and not guard["no_filter"]:
        yield f"without a network namespace the kernel asked about each connection (seccomp): {guard['because']}"
    elif guard["because"]:
        reach = "what it calls in C could reach the network"
        if guard["ports"]:
            reach = "the kernel refused other TCP connections (Landlock), and no datagrams from C"
        yield f"without a network namespace {reach}: {guard['because']}"
    elif guard["no_filter"]:
        yield f"what it calls in C could reach sockets in the file system: {guard['no_filter']}"


def blocked_of(told: Any) -> tuple[Blocked, ...]:
    return tuple(dict.fromkeys(Blocked(**each) for each in told))
