"""Answers as resources, by the addresses that they have in editors: `flux://request/ID/why`, `flux://errors`."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from flux_ls.mcp.tools import BY_NAME, Tool

MIME = "text/plain"
_OF_REQUEST = ("why", "trace", "diff", "explain", "doctor")
_GENERAL = ("errors", "tail", "doctor")
_OF_ROWS = ("history", "blame")


def fixed() -> list[tuple[str, str, str]]:
    """Address, name and title of those that there are always."""
    return [(f"flux://{name}", name, BY_NAME[name].title) for name in _GENERAL]


def templates() -> list[tuple[str, str, str]]:
    of_request = [(f"flux://request/{{id}}/{name}", name, BY_NAME[name].title) for name in _OF_REQUEST]
    return of_request + [(f"flux://{name}{{?table,id}}", name, BY_NAME[name].title) for name in _OF_ROWS]


def question_of(uri: str) -> tuple[Tool, dict[str, Any]] | None:
    """The tool and its parameters; None for an address that is not ours. None of them runs anything."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    words = [unquote(word) for word in f"{parts.netloc}/{parts.path}".split("/") if word]
    asked: dict[str, Any] = dict(parse_qsl(parts.query))
    if parts.scheme.lower() != "flux":
        return None
    if len(words) == 3 and words[0] == "request" and words[2] in _OF_REQUEST:
        return BY_NAME[words[2]], {**asked, "id": words[1]}
    if len(words) == 1 and words[0] in (*_GENERAL, *_OF_ROWS):
        return BY_NAME[words[0]], asked
    return None
