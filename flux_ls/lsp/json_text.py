"""JSON text that every client can read: a number that JSON does not have is null in it."""

import json
from collections.abc import Callable


def json_text(data: object, default: Callable[[object], object] | None = None) -> str:
    """`default` makes plain data of what is none, as `json.dumps` has it."""
    try:
        return json.dumps(data, default=default, allow_nan=False, separators=(",", ":"))
    except ValueError:
        # Recorded numbers may be NaN or infinite.
        loose = json.dumps(data, default=default)
        return json.dumps(json.loads(loose, parse_constant=lambda _: None), separators=(",", ":"))
