"""Paths into JSON values, as people read them: `output.body.items[3].price`, `attributes["http.route"]`."""

import json
import re

Path = tuple[str | int, ...]
"""The keys and the positions from the top to a value."""

_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")
_STEP = re.compile(r'\.?(?P<name>[A-Za-z_$][A-Za-z0-9_$-]*)|\[(?:(?P<at>\d+)|(?P<key>"(?:[^"\\]|\\.)*"))\]')


def written(path: Path) -> str:
    """The path as text; keys that are no plain names stand in brackets, as JSON."""
    parts: list[str] = []
    for step in path:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        elif _NAME.fullmatch(step):
            parts.append(f".{step}" if parts else step)
        else:
            parts.append(f"[{json.dumps(step)}]")
    return "".join(parts)


def read(text: str) -> Path:
    """The path that was written so. Raises ValueError."""
    path: list[str | int] = []
    at = 0
    while at < len(text):
        step = _STEP.match(text, at)
        if step is None or (step["name"] is not None and (text[at] == ".") is not bool(path)):
            raise ValueError(f"no path: {text!r}")
        if step["name"] is not None:
            path.append(step["name"])
        else:
            path.append(int(step["at"]) if step["at"] is not None else json.loads(step["key"]))
        at = step.end()
    return tuple(path)
