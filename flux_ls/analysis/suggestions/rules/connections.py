"""Calls to other services: timeouts, repeats, nobody there."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from flux_ls.analysis.recorded import row_changes
from flux_ls.analysis.suggestions.contexts import with_argument
from flux_ls.analysis.suggestions.failing import FailingLine, only
from flux_ls.analysis.suggestions.names import assigned, dotted, imports
from flux_ls.analysis.suggestions.outbound import CallOut, calls_out
from flux_ls.analysis.suggestions.suggestion import Suggestion
from flux_ls.analysis.suggestions.syntax import arguments, field, keyword, positional, statement_of, text
from flux_ls.analysis.suggestions.values import type_of
from flux_ls.record.wire import OUTCOME, TRANSACTION

_VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "request", "stream", "send")
_CLIENTS = {
    "requests.Session": "requests",
    "requests.session": "requests",
    "requests.sessions.Session": "requests",
    "httpx.Client": "httpx",
    "httpx.AsyncClient": "httpx",
    "httpx._client.Client": "httpx",
    "httpx._client.AsyncClient": "httpx",
    "aiohttp.ClientSession": "aiohttp",
    "aiohttp.client.ClientSession": "aiohttp",
}
_DEFAULTS = {"httpx": "httpx gives up after 5 s by itself", "aiohttp": "aiohttp gives up after 300 s by itself"}
_POSITIONAL = {"urllib.request.urlopen": 3, "socket.create_connection": 2}
"""Functions that also take their timeout by position: it is the argument of this number."""
_TIMED_OUT = re.compile(r"time[d]?[ -]?out", re.IGNORECASE)
_TIMEOUTS = re.compile(r"(?:Timeout|TimeoutError|TimeoutException|TimedOut|TimeLimitExceeded|timeout)$")
_BEFORE_SENDING = re.compile(r"Connect|Pool")
_HUNG_MS = 5_000
_LONG_MS = 100
_REPEATABLE = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE")
_REFUSED = re.compile(r"\[Errno (?:111|61|10061)\]|Connection refused|Connect call failed|actively refused")
_ADDRESSES = (
    re.compile(r"host='([^']+)', port=(\d+)"),
    re.compile(r"Cannot connect to host ([\w.\-\[\]:]+?):(\d+)"),
    re.compile(r"connection to server at \"([^\"]+)\"(?: \([^)]*\))?, port (\d+)"),
    re.compile(r"connecting to ([\w.\-]+):(\d+)"),
    re.compile(r"Connect call failed \('([^']+)', (\d+)"),
)


def missing_timeout(failing: FailingLine) -> Iterator[Suggestion]:
    """A call of an HTTP library without a limit of its own, that took too long: on the line, or handled there."""
    for each in _with_handled(failing):
        yield from _missing_timeout(each)


def _missing_timeout(failing: FailingLine) -> Iterator[Suggestion]:
    out = _slowest(failing)
    timed_out = _is_timeout(failing)
    if not timed_out and not (_was_cut(failing) and out is not None and out.took_ms >= _HUNG_MS):
        return
    imported = imports(failing.syntax)
    made = [(call, library) for call in failing.nodes("call") if (library := _library(failing, call, imported))]
    call = only([call for call, _ in made])
    if call is None or _has_timeout(failing, call, imported):
        return
    library = made[0][1]
    spelled = text(field(call, "function"))
    evidence = f"{spelled} at {failing.place} has no timeout"
    if library in _DEFAULTS:
        evidence += f" of its own: {_DEFAULTS[library]}"
    if out is not None:
        evidence += f"; this call took {out.took_ms:,} ms"
    argument = "timeout=10"
    if library == "aiohttp":
        module = next((name for name, stands_for in imported.items() if stands_for == "aiohttp"), None)
        argument = f"timeout={module}.ClientTimeout(total=10)" if module else ""
    edit = with_argument(failing, call, argument) if argument else None
    yield Suggestion(
        f"Give {spelled} a timeout: {argument or 'timeout=ClientTimeout(total=10)'}",
        evidence,
        edit,
        sure=edit is not None,
    )


def _is_timeout(failing: FailingLine) -> bool:
    return bool(_TIMEOUTS.search(failing.error)) or (
        bool(_TIMED_OUT.search(failing.message)) and failing.error.endswith(("Error", "Exception"))
    )


def _was_cut(failing: FailingLine) -> bool:
    """Whether the other end went away: after a long time, that is how a call without a timeout ends."""
    said = f"{failing.error} {failing.message}"
    return any(
        each in said for each in ("RemoteDisconnected", "RemoteProtocolError", "ServerDisconnected", "reset by peer")
    )


def _slowest(failing: FailingLine) -> CallOut | None:
    failed = [call for call in calls_out(failing.spans) if call.failed and call.status is None]
    return max(failed, key=lambda call: call.took_ms, default=None)


def _library(failing: FailingLine, call: Node, imported: dict[str, str]) -> str | None:
    """Which library the call waits in; None for a call that is no call of one."""
    function = field(call, "function")
    if function is None:
        return None
    name = dotted(function, imported)
    if name in _POSITIONAL:
        return name.partition(".")[0]
    head, _, verb = (name or "").rpartition(".")
    if head in ("requests", "requests.api", "httpx") and verb in _VERBS:
        return head.partition(".")[0]
    if function.type != "attribute" or text(field(function, "attribute")) not in _VERBS:
        return None
    owner = field(function, "object")
    return None if owner is None else _client(failing, owner, imported)


def _client(failing: FailingLine, owner: Node, imported: dict[str, str]) -> str | None:
    """The library of a client or session: as recorded, else as the file makes it."""
    recorded = type_of(failing.recorded(owner).value)
    if recorded is not None:
        return _CLIENTS.get(recorded)
    if owner.type == "call":
        return _CLIENTS.get(dotted(field(owner, "function"), imported) or "")
    if owner.type not in ("identifier", "attribute"):
        return None
    kinds = {_made_by(value, imported) for value in assigned(failing.syntax, owner)}
    return kinds.pop() if len(kinds) == 1 else None


def _made_by(value: Node, imported: dict[str, str]) -> str | None:
    return _CLIENTS.get(dotted(field(value, "function"), imported) or "") if value.type == "call" else None


def _has_timeout(failing: FailingLine, call: Node, imported: dict[str, str]) -> bool:
    """Whether the call, or the client that it is made with, sets one or may set one."""
    if keyword(call, "timeout") is not None or any(each.type == "dictionary_splat" for each in arguments(call)):
        return True
    function = field(call, "function")
    name = dotted(function, imported)
    if name in _POSITIONAL:
        given = positional(call)
        return len(given) >= _POSITIONAL[name] or any(each.type == "list_splat" for each in given)
    owner = field(function, "object") if function is not None and function.type == "attribute" else None
    if owner is None or dotted(owner, imported) is not None:
        return False
    makers = [owner] if owner.type == "call" else assigned(failing.syntax, owner)
    here = [maker for maker in makers if _made_by(maker, imported) is not None]
    if any(keyword(maker, "timeout") or _spreads(maker) for maker in here):
        return True
    # Made elsewhere, a client may have been given its timeout there; a session of requests takes none.
    return (not here or here != makers) and _client(failing, owner, imported) != "requests"


def _spreads(call: Node) -> bool:
    return any(each.type == "dictionary_splat" for each in arguments(call))


def unsafe_repeat(failing: FailingLine) -> Iterator[Suggestion]:
    """A request that changes something, was sent, and got no answer: to send it again may do it twice."""
    for each in _with_handled(failing):
        yield from _unsafe_repeat(each)


def held_transaction(failing: FailingLine) -> Iterator[Suggestion]:
    """A call that took too long while a transaction was open: its locks waited as well, and its writes were lost."""
    if not any(_is_timeout(each) and each.nodes("call") for each in _with_handled(failing)):
        return
    call = _slowest(failing)
    if call is None or call.took_ms < _LONG_MS:
        return
    around = [
        span
        for span in failing.spans
        if span.name == TRANSACTION
        and OUTCOME in span.attributes
        and span.start_ns <= call.span.start_ns
        and call.span.end_ns <= span.end_ns
    ]
    rows = [change for span in around for change in row_changes((span,))]
    if not rows:
        return
    took = round(max(span.end_ns - span.start_ns for span in around) / 1e6)
    named = ", ".join(dict.fromkeys(change.table for change in rows))
    lost = " and was rolled back" if all(change.outcome == "rolled_back" for change in rows) else ""
    yield Suggestion(
        f"Make the {call.method} before or after the transaction, or in a background step",
        f"a transaction that wrote to {named} was open for {took:,} ms, {call.took_ms:,} ms of them waiting for"
        f" {call.what}{',' if lost else ''}{lost}",
    )


def _with_handled(failing: FailingLine) -> Iterator[FailingLine]:
    """The line, and those of the same function whose exceptions it was raised over."""
    yield failing
    for link in failing.failure.chain:
        if link.relation in ("context", "cause") and (handled := failing.elsewhere(link)) is not None:
            yield handled


def _unsafe_repeat(failing: FailingLine) -> Iterator[Suggestion]:
    if not _is_timeout(failing) or _BEFORE_SENDING.search(failing.error) or not failing.nodes("call"):
        return
    lost = [
        call
        for call in calls_out(failing.spans)
        if call.failed and call.status is None and call.method.upper() not in _REPEATABLE
    ]
    if not lost:
        return
    last = lost[-1]
    if any("idempot" in name for name in last.headers or ()):
        return
    if any("idempot" in text(statement_of(node)).lower() for node in failing.nodes("call")):
        return
    times = sum((call.method, call.url) == (last.method, last.url) for call in lost)
    if times > 1:
        evidence = f"{last.what} was sent {times} times and never answered in time: each may have been carried out"
        title = f"Send an Idempotency-Key with the {last.method}: it is repeated"
    else:
        evidence = f"{last.what} was not answered within {last.took_ms:,} ms: it may have been carried out"
        title = f"Send an Idempotency-Key with the {last.method} before it is retried"
    yield Suggestion(title, evidence)


def nobody_there(failing: FailingLine) -> Iterator[Suggestion]:
    """A connection that was refused."""
    if not _REFUSED.search(failing.message) or not failing.nodes("call", "with_statement"):
        return
    address = next((f"{m[1]}:{m[2]}" for each in _ADDRESSES if (m := each.search(failing.message))), None)
    if address is None:
        failed = [call for call in calls_out(failing.spans) if call.failed and call.status is None]
        address = failed[-1].address if failed else None
    if address is not None:
        yield Suggestion(
            f"Start what should listen on {address}, or correct the address",
            f"the connection that {failing.place} made to {address} was refused",
        )
