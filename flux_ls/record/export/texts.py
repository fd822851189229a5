"""Texts of the application's own telemetry on their way out: without secrets, whoever wrote them."""

from collections.abc import Sequence
from typing import Any

from flux_ls.record.redaction import redact_text, redact_tree
from flux_ls.record.redaction.keys import Verdict, verdict
from flux_ls.record.wire import REDACTED

_open_names: set[str] = set()
"""Names of attributes that say nothing about secrets: telemetry has the same ones all day."""

readable = redact_text


def readable_value(name: str, text: str) -> str:
    """The value of an attribute, whose name may tell that it is a secret."""
    if name in _open_names:
        return redact_text(text)
    if verdict(name) is Verdict.OPEN:
        if len(_open_names) < 10_000:
            _open_names.add(name)
        return redact_text(text)
    told = redact_tree({name: text})
    return str(told[name]) if isinstance(told, dict) else ""


def readable_list(name: str, values: Sequence[Any]) -> list[Any]:
    """The same for several, such as the headers of one name that an instrumentation was asked to capture."""
    if name and verdict(name) is not Verdict.OPEN:
        told = redact_tree({name: list(values)})
        values = told[name] if isinstance(told, dict) and isinstance(told[name], list) else [REDACTED]
    return [redact_text(value) if isinstance(value, str) else value for value in values]


def forget() -> None:
    """The rules have changed."""
    _open_names.clear()
