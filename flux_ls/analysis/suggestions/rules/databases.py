"""What databases refuse: rows that break a constraint, sessions that have ended, files that are locked."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from flux_ls.analysis.suggestions.contexts import with_argument
from flux_ls.analysis.suggestions.failing import FailingLine, only
from flux_ls.analysis.suggestions.names import dotted, imports
from flux_ls.analysis.suggestions.suggestion import Suggestion
from flux_ls.analysis.suggestions.syntax import arguments, descendants, field, keyword, positional, spelled, text

_UNIQUE = re.compile(
    r"UNIQUE constraint failed: ([\w.\", ]+)"
    r"|duplicate key value violates unique constraint \"([^\"]+)\"(?:\s+DETAIL:\s+Key \(([^)]+)\))?"
    r"|Duplicate entry .* for key '([^']+)'"
)
_NOT_NULL = re.compile(
    r"NOT NULL constraint failed: ([\w.]+)"
    r"|null value in column \"([^\"]+)\"(?: of relation \"([^\"]+)\")? violates not-null constraint"
    r"|Column '([^']+)' cannot be null"
)
_FOREIGN = re.compile(
    r"FOREIGN KEY constraint failed"
    r"|violates foreign key constraint(?: \"([^\"]+)\")?(?:[^(]*Key \(([^)]+)\)=\(([^)]*)\))?"
)
_DETACHED = re.compile(r"lazy load operation of attribute '(\w+)'")
_READ = re.compile(r"lazy load operation|attribute refresh operation")
_INSTANCE = re.compile(r"(?:Parent instance|Instance) <(\w+)")
_ORIGINAL = re.compile(r"Original exception was: (.+?)(?:\n|$)")


def broken_constraint(failing: FailingLine) -> Iterator[Suggestion]:
    if not failing.error.endswith(("IntegrityError", "UniqueViolation", "NotNullViolation", "UniqueViolationError")):
        return
    if not failing.nodes("call", "with_statement"):
        return
    if (found := _UNIQUE.search(failing.message)) is not None:
        what = (found[1] or found[3] or found[2] or found[4]).strip().replace('"', "")
        named = " and ".join(part.strip() for part in what.split(","))
        yield Suggestion(
            f"Look for a row with the same {named} before the write, or handle {failing.error}",
            f"the write at {failing.place} broke the uniqueness of {named}: a row has it already",
        )
    elif (found := _NOT_NULL.search(failing.message)) is not None:
        column = found[1] or (f"{found[3]}.{found[2]}" if found[3] else found[2] or found[4])
        yield Suggestion(
            f"Give {column} a value before the write, or a default in the schema",
            f"the write at {failing.place} left {column} empty, which must not be NULL",
        )
    elif (found := _FOREIGN.search(failing.message)) is not None:
        key = f"{found[2]} = {found[3]}" if found[2] else found[1]
        yield Suggestion(
            "Write the row that is referred to first, or remove what refers to it",
            f"the write at {failing.place} refers to a row that is not there{f' ({key})' if key else ''}",
        )


def detached_instance(failing: FailingLine) -> Iterator[Suggestion]:
    if failing.error != "DetachedInstanceError" or not _READ.search(failing.message):
        return
    found, instance = _DETACHED.search(failing.message), _INSTANCE.search(failing.message)
    read = failing.nodes("attribute")
    if found is not None:
        read = [node for node in read if text(field(node, "attribute")) == found[1]]
    node = only(read)
    if node is None:
        return
    name = text(field(node, "attribute"))
    of = instance[1] if instance is not None else text(field(node, "object"))
    how = "selectinload" if "lazy load" in failing.message else "expire_on_commit=False"
    yield Suggestion(
        f"Load {of}.{name} while the session is open ({how})",
        f"{spelled(node, 80)} at {failing.place} is read after the session of the {of} was closed",
    )


def pending_rollback(failing: FailingLine) -> Iterator[Suggestion]:
    if failing.error != "PendingRollbackError" or not failing.nodes("call", "attribute", "with_statement"):
        return
    original = _ORIGINAL.search(failing.message)
    evidence = f"{failing.place} uses a session whose transaction had failed before"
    if original is not None:
        evidence += f", with {original[1][:120]}"
    yield Suggestion(
        "Call rollback() where the first error is handled, or use a session for each unit of work", evidence
    )


def locked_database(failing: FailingLine) -> Iterator[Suggestion]:
    if failing.error != "OperationalError" or "database is locked" not in failing.message:
        return
    calls = failing.nodes("call")
    if not calls:
        return
    evidence = f"{failing.place} waited for another connection that was writing to the SQLite file, and gave up"
    imported = imports(failing.syntax)
    inner = dict.fromkeys(each for call in calls for each in descendants(call, ("call",)))
    opened = only([call for call in inner if dotted(field(call, "function"), imported) == "sqlite3.connect"])
    if opened is not None and _may_wait(opened):
        return
    edit = None if opened is None else with_argument(failing, opened, "timeout=30")
    how = "" if opened is not None else ', as in create_engine(…, connect_args={"timeout": 30})'
    yield Suggestion(f"Let SQLite wait longer: timeout=30{how}", evidence, edit)


def _may_wait(call: Node) -> bool:
    given = arguments(call)
    spread = any(each.type in ("dictionary_splat", "list_splat") for each in given)
    return spread or keyword(call, "timeout") is not None or len(positional(call)) > 1
