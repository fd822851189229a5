"""From the tree that was recorded of a body back to its bytes, as far as all of it was recorded."""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from flux_ls.model import AttributeValue
from flux_ls.record import wire

_LOST = {
    wire.CUT: "it was cut when it was recorded",
    wire.MORE: "it was cut when it was recorded",
    wire.DEEP: "it was nested deeper than is recorded",
    wire.REF: "it refers to itself",
    wire.UNREADABLE: "it could not be read when it was recorded",
    wire.UNLOADED: "it was not loaded when it was recorded",
    wire.REPR: "it was recorded as a text of its own",
}
_BOUNDARY = re.compile(r"boundary=\"?([^\";\s]+)")


class Lost(Exception):
    """The recording does not hold all of it; says why."""


class NeverKept(Lost):
    """No recording holds it, however large its budget."""


def body_of(message: Mapping[str, AttributeValue], content_type: str) -> bytes:
    """The body of a recorded request or answer. Raises Lost."""
    if message.get("body") is None and "body" in message and "json" in content_type.lower():
        return b"null"
    return bytes_of(message.get("body"), content_type)


def bytes_of(tree: AttributeValue, content_type: str) -> bytes:
    """The body of a recorded tree. Raises Lost."""
    if tree is None:
        return b""
    kind = content_type.lower()
    if isinstance(tree, dict) and wire.BYTES in tree:
        if "length" in tree:
            raise Lost(_LOST[wire.CUT])
        return base64.b64decode(str(tree[wire.BYTES]))
    whole = plain(tree)
    if isinstance(whole, dict) and "application/x-www-form-urlencoded" in kind:
        return urlencode(whole, doseq=True).encode()
    if isinstance(whole, dict) and kind.startswith("multipart/"):
        return _multipart(whole, content_type)
    if isinstance(whole, str):
        # Text that is no JSON although it was called so is told as it is; a JSON text as its value.
        if "json" in kind and whole[:1] not in ("{", "["):
            return json.dumps(whole, ensure_ascii=False).encode()
        return whole.encode(_charset(kind), "replace")
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def plain(tree: Any) -> Any:
    """The value that a tree stands for. Raises Lost when a part of it is missing."""
    if isinstance(tree, list):
        return [plain(each) for each in tree]
    if not isinstance(tree, dict):
        return tree
    if set(tree) == {wire.FLOAT}:
        return float(str(tree[wire.FLOAT]))
    for mark, reason in _LOST.items():
        if mark in tree:
            raise Lost(reason)
    return {_name(name): plain(value) for name, value in tree.items() if name != wire.TYPE}


def _name(name: str) -> str:
    return name[1:] if name.startswith("$$") else name


def _charset(kind: str) -> str:
    _, found, charset = kind.partition("charset=")
    name = charset.partition(";")[0].strip(" \"'")
    try:
        return "".encode(name).decode() or name if found and name else "utf-8"
    except LookupError:
        return "utf-8"


def _multipart(fields: dict[str, Any], content_type: str) -> bytes:
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise Lost("it is a form without a boundary")
    parts: list[str] = []
    for name, told in fields.items():
        for value in told if isinstance(told, list) else [told]:
            if isinstance(value, dict):
                raise NeverKept(f"the content of the file {value.get('filename') or name} is not recorded")
            parts.append(f'--{found[1]}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n')
    return ("".join(parts) + f"--{found[1]}--\r\n").encode()
