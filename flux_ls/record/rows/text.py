"""What the first words of a statement tell, for SQL that the application wrote itself."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from flux_ls.model import RowOperation
from flux_ls.record.rows.ledger import Ledger

_PART = r'(?:"(?:[^"]|"")+"|`[^`]+`|\[[^\]]+\]|[\w$]+)'
_NAME = re.compile(_PART)
_TEXT = re.compile(
    r"\s*(?:(?P<verb>INSERT(?:\s+OR\s+\w+)?\s+INTO|REPLACE\s+INTO|UPDATE(?:\s+OR\s+\w+)?(?:\s+ONLY)?|DELETE\s+FROM(?:\s+ONLY)?)"
    rf"\s+(?P<table>{_PART}(?:\s*\.\s*{_PART})*)"
    r"|(?P<commit>COMMIT|END)\b(?!\s+PREPARED\b)"
    rf"|(?:ROLLBACK|ABORT)(?:\s+(?:WORK|TRANSACTION))?\s+TO\s+(?:SAVEPOINT\s+)?(?P<rollback_to>{_PART})"
    r"|(?P<rollback>ROLLBACK|ABORT)\b(?!\s+PREPARED\b)"
    rf"|SAVEPOINT\s+(?P<savepoint>{_PART})"
    rf"|RELEASE\s+(?:SAVEPOINT\s+)?(?P<release>{_PART}))",
    re.IGNORECASE,
)
_VERBS: Final[dict[str, RowOperation]] = {
    "insert": "insert",
    "replace": "insert",
    "update": "update",
    "delete": "delete",
}


@dataclass(frozen=True, slots=True)
class Write:
    """Rows of a table are changed; nothing else is known."""

    operation: RowOperation
    table: str


@dataclass(frozen=True, slots=True)
class Control:
    """The transaction ends, or a savepoint does something."""

    what: Literal["commit", "rollback", "rollback_to", "savepoint", "release"]
    name: str

    def tell(self, ledger: Ledger) -> None:
        if self.what == "commit":
            ledger.finish("rolled_back" if ledger.aborted else "committed")
        elif self.what == "rollback":
            ledger.finish("rolled_back")
        else:
            getattr(ledger, self.what)(self.name)


def understood(statement: str) -> Write | Control | None:
    found = _TEXT.match(statement)
    if found is None:
        return None
    if found["verb"]:
        return Write(_VERBS[found["verb"].split()[0].lower()], table_name(found["table"]))
    for what in ("commit", "rollback", "rollback_to", "savepoint", "release"):
        if found[what]:
            return Control(what, _unquoted(found[what]))
    return None


def table_name(quoted: str) -> str:
    """`"shop"."users"` as `shop.users`."""
    return ".".join(_unquoted(part) for part in _NAME.findall(quoted))


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name[0] in '"`[' else name
