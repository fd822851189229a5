"""The outcome of a run: what it says about the code, out of what happened then and now."""

import re
from collections.abc import Sequence
from typing import TypeGuard

from msgspec import Struct

from flux_ls.analysis.fingerprint import alike, unqualified
from flux_ls.model import Assessment, Failure, Request
from flux_ls.replay.shapes import Blocked, Outcome

_NOT_LET_IN = (401, 403, 407, 419)
_CONFLICT = 409
_TAKEN = frozenset({"IntegrityError", "UniqueViolation", "UniqueViolationError", "DuplicateKeyError"})
_MAKING = frozenset({"POST", "PUT", "PATCH"})
_UNIQUE = re.compile("unique|duplicate", re.I)
BLOCKED = "SideEffectBlocked"


class Verdict(Struct, frozen=True):
    outcome: Outcome
    reason: str | None
    same_failure: bool = False
    mend: str | None = None


def judged(
    was: Request,
    died: Failure | None,
    now: Assessment,
    status: int | None,
    blocked: Sequence[Blocked],
    redacted: Sequence[str],
    difference: str | None = None,
    inserted: Sequence[str] = (),
    *,
    has_rows: bool = True,
) -> Verdict:
    """`died` is the recorded failure, `difference` the first one of the answers that counts, `inserted`
    the tables in which it made rows that lasted, if what it did to rows was recorded."""
    if (made := _made_before(was, died, now.failure, status, inserted, has_rows)) is not None:
        return Verdict(
            "skipped",
            f"{made}: {line(now.failure, status)}",
            mend="give the application a database from before it: by the variable that names it, say",
        )
    failed = now.request.failed or (status is not None and status >= 500)
    if failed:
        return _failed(was, died, now.failure, status, blocked)
    if redacted and status in _NOT_LET_IN and status != was.status:
        names = ", ".join(redacted)
        what = "authorization" if {"authorization", "cookie"} & {name.lower() for name in redacted} else names
        return Verdict(
            "skipped",
            f"answered {status}: the recorded {what} was redacted",
            mend=f"give it: --fill {redacted[0]}=VALUE",
        )
    refused = status is not None and status >= 400
    # One that was answered well, and failed behind its answer, is no better off without that.
    if was.failed and not (refused and was.status is not None and was.status < 400):
        return Verdict("passing", f"answered {status} now" if refused else None)
    if status == was.status or was.status is None:
        return Verdict("passing", f"its answer differs in {difference}" if difference else None)
    if was.bad and not refused and status is not None:
        return Verdict("passing", None)
    if blocked:
        return Verdict("blocked", f"answered {status} instead of {was.status}, and {_told(blocked[0])}")
    return Verdict("failing", f"answered {status} instead of {was.status}")


def _failed(
    was: Request, died: Failure | None, failure: Failure | None, status: int | None, blocked: Sequence[Blocked]
) -> Verdict:
    error = line(failure, status)
    refused = failure is not None and any(
        unqualified(kind) == BLOCKED for kind in (failure.type, *(link.type for link in failure.chain))
    )
    if refused or (blocked and not _is_same(died, failure)):
        return Verdict("blocked", _told(blocked[0]) if blocked else error)
    if not was.failed:
        return Verdict("failing", f"it did not fail before: {error}")
    # Where no exception was told, the status has to do.
    same = status == was.status if died is None else _is_same(died, failure)
    return Verdict("failing", error if same else f"another failure: {error}", same_failure=same)


def _made_before(
    was: Request,
    died: Failure | None,
    failure: Failure | None,
    status: int | None,
    inserted: Sequence[str],
    has_rows: bool,
) -> str | None:
    """Whether it ends this way because what it made then is still there, in words."""
    same = _is_same(died, failure)
    if inserted and not same and (_is_taken(failure) or (failure is None and status == _CONFLICT and not was.bad)):
        return f"what it made in {', '.join(inserted)} is there already"
    if not has_rows and was.method in _MAKING and not same and _is_taken(failure) and _UNIQUE.search(failure.message):
        return "what it made is there already, it seems"
    return None


def _is_same(died: Failure | None, failure: Failure | None) -> bool:
    return died is not None and failure is not None and alike(died, failure)


def _is_taken(failure: Failure | None) -> TypeGuard[Failure]:
    """Whether a row that is made a second time would end a request with this."""
    if failure is None:
        return False
    return any(unqualified(kind) in _TAKEN for kind in (failure.type, *(link.type for link in failure.chain)))


def line(failure: Failure | None, status: int | None) -> str:
    """What it fails with, in a line, without where."""
    if failure is None:
        return f"answered {status}"
    message = failure.message.strip().partition("\n")[0].strip()
    return f"{unqualified(failure.type)}: {message}" if message else unqualified(failure.type)


def _told(blocked: Blocked) -> str:
    where = f" at {blocked.path}:{blocked.line}" if blocked.path else ""
    return f"{blocked.call} was refused{where}"
