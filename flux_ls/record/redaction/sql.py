"""Secrets in SQL whose names stand elsewhere: columns of an INSERT, and parameters told by position."""

import re
from collections.abc import Iterator
from typing import Final

from flux_ls.record.redaction.keys import Verdict, verdict
from flux_ls.record.redaction.remembered import redacted
from flux_ls.record.wire import REDACTED

_INSERT = re.compile(
    r"(?i)\b(?:insert|replace)\s+(?:or\s+\w+\s+|ignore\s+)?into\s+[^\s(]{1,200}\s*\(([^()]{1,8000})\)\s*(?:values?|select)\b"
)
_COLUMN = re.compile(r"[\w$]+(?=\W*\Z)")
_PLACEHOLDER = re.compile(r"\?|%s|\$\d+")
_COMPARED = re.compile(
    r"""([\w$]+)["`\]]?\s{0,4}(?:=|<>|!=|(?i:\blike\b|\bis\b|\bin\b\s{0,4}\())\s{0,4}(?:\w+\s?\(\s?)?\Z"""
)
_PARAMETERS = re.compile(r"\[parameters: ")
_KEY_DETAIL = re.compile(r"Key \(([^()]{1,400})\)=\(")
_DUPLICATE = re.compile(r"(?i)Duplicate entry '([^'\n]{1,1000})' for key '([^'\n]{1,200})'")
_NEXT_ROW = re.compile(r"[\s,)]{0,8}\(")
_ROW = re.compile(r"[\s,\[\])]{0,8}\(|\[(?!\()")
_VALUE = re.compile(
    r"""\s*(?:
        (?P<quoted>[A-Za-z]{0,2}'(?:[^'\\]|''|\\.)*+(?:'|\Z)|b?"(?:[^"\\]|\\.)*+(?:"|\Z))
      | (?P<plain>[^\s,()'"]++)
      | (?P<call>[\w.]*\()
    )""",
    re.VERBOSE | re.DOTALL,
)
_LONGEST_STATEMENT: Final = 20_000


def redact_sql(text: str) -> str:
    """Without literals under secret columns of an INSERT, positional parameters, and keys that a server names."""
    if _INSERT.search(text) is not None:
        text = _without_inserted(text)
    if "[parameters: " in text:
        text = _without_parameters(text)
    if "Key (" in text:
        text = _without_keys(text)
    if "uplicate entry" in text:
        text = _DUPLICATE.sub(_without_duplicate, text)
    return text


def _without_parameters(text: str) -> str:
    """As SQLAlchemy words it: `[SQL: …] [parameters: …]`."""
    parts: list[str] = []
    copied = 0
    while (found := _PARAMETERS.search(text, copied)) is not None:
        parts.append(text[copied : found.end()])
        statement = text[max(copied, found.start() - _LONGEST_STATEMENT) : found.start()]
        secret = secret_positions(statement[max(0, statement.rfind("[SQL: ")) :])
        rows, copied = _redact_rows(text, found.end(), secret)
        parts.append(rows)
    parts.append(text[copied:])
    return "".join(parts)


def redact_parameters(statement: str, parameters: str) -> str:
    """The text of a statement's parameters, without those that stand for a secret."""
    secret = secret_positions(statement)
    if not secret:
        return parameters
    rows, end = _redact_rows(parameters, 0, secret)
    return rows + parameters[end:]


def secret_positions(statement: str) -> frozenset[int]:
    """Which of the statement's positional parameters are secrets."""
    names: list[str] = []
    at = 0
    inserted: list[str] = []
    insert = _INSERT.search(statement)
    if insert is not None:
        inserted = [_column(part) for part in insert[1].split(",")]
        row = statement.find("(", insert.end())
        if row >= 0:
            for index, (start, end) in enumerate(_values(statement, row + 1)):
                found = _PLACEHOLDER.search(statement, start, end)
                if found is not None:
                    names.append(inserted[index] if index < len(inserted) else "")
                at = end
    for found in _PLACEHOLDER.finditer(statement, at):
        compared = _COMPARED.search(statement, max(0, found.start() - 120), found.start())
        names.append(compared[1] if compared is not None else "")
    return frozenset(index for index, name in enumerate(names) if verdict(name) is Verdict.SECRET)


def _column(text: str) -> str:
    found = _COLUMN.search(text)
    return found[0] if found is not None else ""


def _without_inserted(text: str) -> str:
    parts: list[str] = []
    copied = 0
    for insert in _INSERT.finditer(text):
        secret = {index for index, part in enumerate(insert[1].split(",")) if verdict(_column(part)) is Verdict.SECRET}
        if not secret or insert.end() < copied:
            continue
        at = insert.end()
        while (row := _next_row(text, at)) >= 0:
            for index, (start, end) in enumerate(_values(text, row)):
                at = end
                if index in secret and not _is_bound(text[start:end]):
                    parts += (text[copied:start], _marker(text[start:end]))
                    copied = end
            at += 1
    parts.append(text[copied:])
    return "".join(parts)


def _next_row(text: str, at: int) -> int:
    found = _NEXT_ROW.match(text, at)
    return found.end() if found is not None else -1


def _values(text: str, at: int) -> Iterator[tuple[int, int]]:
    """From where to where the values of a row stand, whose bracket was opened before `at`."""
    depth = 0
    start = -1
    end = at
    while (found := _VALUE.match(text, at)) is not None or (text[at : at + 1] in (",", ")", " ") and at < len(text)):
        if found is not None:
            start = start if start >= 0 else found.end() - len(found[0].lstrip())
            at = end = found.end()
            depth += bool(found["call"])
            continue
        mark = text[at]
        at += 1
        if mark == ")" and depth:
            depth -= 1
            end = at
        elif mark in ",)" and not depth:
            if start >= 0:
                yield start, end
            start = -1
            if mark == ")":
                return
    if start >= 0:
        yield start, end


def _redact_rows(text: str, at: int, secret: frozenset[int]) -> tuple[str, int]:
    """From `at` on, one row of values as Python writes it, or a list of rows; and where they end."""
    parts: list[str] = []
    copied = at
    while (row := _ROW.match(text, at)) is not None:
        at = row.end()
        for index, (start, end) in enumerate(_values(text, at)):
            at = end
            if index in secret and not _is_bound(text[start:end]):
                parts += (text[copied:start], _marker(text[start:end]))
                copied = end
    parts.append(text[copied:at])
    return "".join(parts), at


def _is_bound(value: str) -> bool:
    return value.lower() in ("null", "none", "true", "false", "default", "''", '""') or (
        value[:1] in "?:$@%" and len(value) < 64
    )


def _marker(value: str) -> str:
    return f"'{redacted(value)}'" if value[-1:] in "'\"" else redacted(value)


def _without_keys(text: str) -> str:
    parts: list[str] = []
    copied = 0
    for found in _KEY_DETAIL.finditer(text):
        secret = [verdict(_column(part)) is Verdict.SECRET for part in found[1].split(",")]
        if any(secret) and found.start() >= copied:
            end = text.find(")", found.end())
            end = end if end >= 0 else len(text)
            for value, is_secret in zip(text[found.end() : end].split(", "), secret, strict=False):
                if is_secret:
                    redacted(value)
            parts += (text[copied : found.end()], REDACTED)
            copied = end
    parts.append(text[copied:])
    return "".join(parts)


def _without_duplicate(found: re.Match[str]) -> str:
    if verdict(found[2]) is not Verdict.SECRET:
        return found[0]
    return found[0].replace(f"'{found[1]}'", f"'{redacted(found[1])}'", 1)
