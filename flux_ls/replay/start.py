"""What a trace tells of how its process was started, by the resource of its spans: as OpenTelemetry has it, and more
from the recorder.
"""

import shlex
from collections.abc import Sequence
from typing import Any

from flux_ls.analysis.request import entry_of
from flux_ls.model import AttributeValue, Span
from flux_ls.record import wire

_LONGEST = 100
"""Words of a command."""


def start_of(spans: Sequence[Span]) -> dict[str, Any] | None:
    """As `child/started.py` reads it; None where nothing is told."""
    attributes = entry_of(spans).resource.attributes
    told = {
        "words": _words(attributes.get("process.command_args"), attributes.get("process.command_line")),
        "folder": _text(attributes.get(wire.WORKING_FOLDER)),
        "flask_app": _text(attributes.get(wire.FLASK_APP)),
        "settings": _text(attributes.get(wire.DJANGO_SETTINGS)),
    }
    return told if any(told.values()) else None


def _words(args: AttributeValue, line: AttributeValue) -> list[str]:
    if isinstance(args, list):
        return [word for word in args if isinstance(word, str)][:_LONGEST]
    try:
        return shlex.split(line)[:_LONGEST] if isinstance(line, str) else []
    except ValueError:
        return []


def _text(value: AttributeValue) -> str:
    return value if isinstance(value, str) else ""
