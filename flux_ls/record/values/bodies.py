"""Bodies and headers of HTTP messages: what a developer would call their content."""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from flux_ls.record.redaction.trees import Tree
from flux_ls.record.values.looks import bytes_tree
from flux_ls.record.values.snapshot import VALUE_BUDGET, snapshot, snapshot_items
from flux_ls.record.values.walk import Captured, Walk
from flux_ls.record.wire import BYTES, UNREADABLE

_LONGEST_PARSED: Final = 256 * 1024
_MOST_PARTS: Final = 100
_TEXTUAL = re.compile(r"text/|application/(?:[\w.+\-]*\+)?(?:json|xml|yaml|javascript|graphql|x-ndjson)|image/svg")
_BOUNDARY = re.compile(r"boundary=(?:\"([^\"]{1,200})\"|([^\s;]{1,200}))", re.IGNORECASE)
_DISPOSITION = re.compile(rb"(?i)\b(name|filename)=(?:\"([^\"\r\n]{0,300})\"|([^\s;]{1,300}))")
_PART_TYPE = re.compile(rb"(?i)content-type:\s*([^\s;]{1,100})")

Text = str | bytes


def body(content_type: Text | None, raw: bytes, total: int | None = None, budget: int = VALUE_BUDGET) -> Captured:
    """The tree of a body: `raw` is what there is of it, `total` the length of all of it if that is more."""
    try:
        return Captured(
            _tree(
                _as_text(content_type or "").strip(),
                bytes(raw[:_LONGEST_PARSED]),
                max(total or 0, len(raw)),
                budget,
            )
        )
    except Exception as error:
        return Captured({UNREADABLE: type(error).__name__})


def headers(pairs: Iterable[tuple[Text, Text]], budget: int = VALUE_BUDGET) -> Captured:
    """Headers by lower-case name; one that came several times is a list."""
    return snapshot_items(headers_by_name(pairs).items(), budget)


def headers_by_name(pairs: Iterable[tuple[Text, Text]]) -> dict[str, str | list[str]]:
    """The same as they were sent."""
    by_name: dict[str, str | list[str]] = {}
    for key, value in pairs:
        name = (key if type(key) is str else _as_text(key)).lower()
        text = value if type(value) is str else _as_text(value)
        before = by_name.get(name)
        if before is None:
            by_name[name] = text
        elif type(before) is list:
            before.append(text)
        else:
            by_name[name] = [before, text]  # type: ignore[list-item]
    return by_name


def _tree(content_type_as_sent: str, raw: bytes, total: int, budget: int) -> Tree:
    content_type = content_type_as_sent.lower()
    if not raw:
        return None if not total else {BYTES: "", "length": total}
    whole = total == len(raw)
    if whole and ("json" in content_type or (not content_type and raw[:1] in b"{[")):
        try:
            return snapshot(msgspec.json.decode(raw), budget)
        except (ValueError, RecursionError):
            pass
    if content_type.startswith("application/x-www-form-urlencoded"):
        return _form(raw, total, budget)
    if content_type.startswith("multipart/") and (found := _BOUNDARY.search(content_type_as_sent)) is not None:
        return _multipart(raw, total, (found[1] or found[2]).encode("latin-1"), budget)
    if content_type and not _TEXTUAL.match(content_type) and b"\0" in raw[:4096]:
        shown = raw[:96]
        walk = Walk(budget)
        return walk.finish(bytes_tree(walk, shown + b"\0" * (len(shown) == 0), total))
    walk = Walk(budget)
    return walk.finish(bytes_tree(walk, raw[:budget], total))


def _form(raw: bytes, total: int, budget: int) -> Tree:
    fields: dict[str, object] = {}
    pairs = parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=None)
    for name, value in pairs[:1000]:
        if name in fields:
            before = fields[name]
            fields[name] = [*before, value] if isinstance(before, list) else [before, value]
        else:
            fields[name] = value
    tree = snapshot(fields, budget)
    if total > len(raw) and type(tree) is dict:
        tree["$more"] = tree.get("$more", 0) + 1
    return tree


def _multipart(raw: bytes, total: int, boundary: bytes, budget: int) -> Tree:
    """Fields by name; of files the name, the type and the size."""
    fields: dict[str, object] = {}
    parts = raw.split(b"--" + boundary, _MOST_PARTS)[1:]
    for part in parts:
        head, found, content = part.partition(b"\r\n\r\n")
        if not found:
            continue
        told = {match[1].lower(): match[2] or match[3] or b"" for match in _DISPOSITION.finditer(head)}
        name = told.get(b"name", b"").decode("utf-8", "replace")
        is_last = part is parts[-1] and total > len(raw)
        content = content.removesuffix(b"\r\n")
        if b"filename" in told:
            kind = _PART_TYPE.search(head)
            value: object = {
                "filename": told[b"filename"].decode("utf-8", "replace"),
                "type": kind[1].decode("latin-1") if kind is not None else None,
                "size": None if is_last else len(content),
            }
        else:
            value = content
        # Several of one name are a list.
        if name in fields:
            before = fields[name]
            fields[name] = [*before, value] if isinstance(before, list) else [before, value]
        else:
            fields[name] = value
    return snapshot(fields, budget)


def _as_text(value: Text) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("latin-1")
    return str(value)  # some libraries have types of their own
