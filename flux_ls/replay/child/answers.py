"""Recorded answers to outbound calls: which recorded call an asked one is, by method, URL, body and order."""

import base64
import json
import re
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from flux_ls.record.redacted import is_told_by
from flux_ls.record.wire import REDACTED
from flux_ls.replay.child.addresses import is_loopback
from flux_ls.replay.child.blocked import Refusal, SideEffectBlocked, refusal

_MARK = "~redacted~"
_CIRCUMSTANCES = frozenset(
    {"accept", "accept-encoding", "baggage", "connection", "content-length", "content-type", "cookie", "date"}
    | {"expect", "host", "keep-alive", "te", "traceparent", "tracestate", "transfer-encoding", "user-agent"}
    | {"x-request-id", "x-correlation-id"}
)
"""Headers that a library sets, or that differ in any two runs."""
_ID_NAME = re.compile(r"(?:^|_)(?:id|pk|uuid|guid|key|nonce|ref|reference|at|ts|time|timestamp|date)$|(?<=[a-z])I[dD]$")
_MIXED = re.compile(r"(?<![\w-])(?=[\w-]*[a-zA-Z])(?=[\w-]*\d)[\w-]{4,}")
"""What has letters and digits is an id; a shorter one (`v2`) says which."""
_DIGITS = re.compile(r"\d+")
_NOT_GIVEN_AGAIN = frozenset({"content-encoding", "content-length", "transfer-encoding", "connection", "keep-alive"})


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Failed(Exception):
    """The recorded call ended with an exception, and so does this one."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind

    @property
    def timed_out(self) -> bool:
        return "timeout" in self.kind.lower() or "timedout" in self.kind.lower()

    @property
    def while_connecting(self) -> bool:
        return "connect" in self.kind.lower()


@dataclass
class _Call:
    told: dict[str, Any]
    used: bool = False
    method: str = field(init=False)
    url: str = field(init=False)

    def __post_init__(self) -> None:
        self.method, self.url = self.told["method"].upper(), self.told["url"]


class Recorded:
    """The calls of one request, in the order in which they were made."""

    def __init__(self, calls: list[dict[str, Any]]) -> None:
        self._lock = threading.Lock()
        self.begin(calls)

    def begin(self, calls: list[dict[str, Any]]) -> None:
        """The calls of another request."""
        self._calls = [_Call(told) for told in calls]
        self.was_asked = False
        self.notes: list[str] = []

    def answer(
        self, method: str, url: str, headers: dict[str, str], body: bytes, place: Refusal | None = None
    ) -> Answer:
        """Raises SideEffectBlocked when there is none, and Failed where the recorded call did."""
        headers = {name.lower(): value for name, value in headers.items()}
        with self._lock:
            self.was_asked = True
            found = self._find(method.upper(), url, headers, body)
        if isinstance(found, str):
            raise self.refused(method, url, found, place)
        told = found.told
        if told["status"] is None and told["error"]:
            raise Failed(told["error"])
        given = [(name, value) for name, value in told["headers"] if name.lower() not in _NOT_GIVEN_AGAIN]
        return Answer(told["status"], given, base64.b64decode(told["body"]))

    def refused(self, method: str, url: str, because: str, place: Refusal | None = None) -> SideEffectBlocked:
        shown = url.partition("?")[0]
        return refusal(f"{method.upper()} {shown}", because=because, place=place)

    def _find(self, method: str, url: str, headers: dict[str, str], body: bytes) -> _Call | str:
        tree = _tree(headers.get("content-type", ""), body)
        there = [call for call in self._calls if call.method == method and _same_url(call.url, url, strictly=False)]
        if not there:
            return "no such call was recorded"
        for strictly in (True, False):
            fitting = [
                call
                for call in there
                if _same_url(call.url, url, strictly=strictly) and _same_body(call.told, tree, body, strictly=strictly)
            ]
            free = [call for call in fitting if not call.used]
            if not free and method in ("GET", "HEAD", "OPTIONS"):
                free = fitting[-1:]
            for call in free:
                reason = _lacking(call.told, headers)
                if reason:
                    return reason
                call.used = True
                if not strictly:
                    self.notes.append(f"{method} {url.partition('?')[0]} was answered as a recorded call that differs")
                return call
            if fitting:
                return f"it was recorded {len(fitting)} time{'s' if len(fitting) > 1 else ''}, and not once more"
        return "its recorded call had another body"


def _lacking(told: dict[str, Any], headers: dict[str, str]) -> str:
    if told["lacking"]:
        return str(told["lacking"])
    if told["status"] is None:
        if not told["error"]:
            return "no answer to it was recorded"
        known = {name.lower() for name in told["request_headers"]}
        new = sorted(set(headers) - known - _CIRCUMSTANCES)
        if new and known:
            return f"its recorded call got no answer, and this one is another: {', '.join(new)} is new"
    return ""


def _same_url(recorded: str, asked: str, *, strictly: bool) -> bool:
    # Brackets in front of the path are taken for those of an address.
    ours, theirs = (urlsplit(each.replace(REDACTED, _MARK)) for each in (recorded, asked))
    if not _same_host(ours, theirs, strictly=strictly):
        return False
    one, other = (unquote(each.path or "/").replace(_MARK, REDACTED) for each in (ours, theirs))
    if one != other and not is_told_by(one, other) and (strictly or _without_ids(one) != _without_ids(other)):
        return False
    query, given = (
        parse_qsl(ours.query.replace(_MARK, REDACTED), keep_blank_values=True),
        parse_qsl(theirs.query, keep_blank_values=True),
    )
    if sorted(name for name, _ in query) != sorted(name for name, _ in given):
        return False
    pairs = zip(sorted(query, key=lambda pair: pair[0]), sorted(given, key=lambda pair: pair[0]), strict=True)
    return all(_same(one, other, name, strictly) for (name, one), (_, other) in pairs)


def _same_host(ours: Any, theirs: Any, *, strictly: bool) -> bool:
    if ours.scheme != theirs.scheme:
        return False
    if (ours.hostname, _port(ours)) == (theirs.hostname, _port(theirs)):
        return True
    # On a developer's machine the stand-in of a service may listen elsewhere each day.
    return not strictly and all(is_loopback(each.hostname or "") for each in (ours, theirs))


def _port(parts: Any) -> int | None:
    try:
        return parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None


def _without_ids(path: str) -> str:
    return "/".join("#" if segment.isdigit() else _MIXED.sub("#", segment) for segment in path.split("/"))


def _tree(content_type: str, body: bytes) -> Any:
    """What was asked, as a recorder would tell it."""
    if not body:
        return None
    kind = content_type.lower()
    if "json" in kind or (not kind and body[:1] in b"{["):
        try:
            return json.loads(body)
        except ValueError:
            pass
    text = body.decode("utf-8", "replace")
    if kind.startswith("application/x-www-form-urlencoded"):
        fields: dict[str, Any] = {}
        for name, value in parse_qsl(text, keep_blank_values=True):
            before = fields.get(name)
            fields[name] = (
                value if before is None else [*before, value] if isinstance(before, list) else [before, value]
            )
        return fields
    return text


def _same_body(told: dict[str, Any], tree: Any, body: bytes, *, strictly: bool) -> bool:
    if not told["asked"]:
        return True
    recorded = told["request_body"]
    if isinstance(recorded, dict) and "filename" in str(recorded):
        return True  # files are told by name and size
    if isinstance(recorded, dict) and set(recorded) <= {"$bytes", "length"}:
        raw = base64.b64decode(recorded.get("$bytes") or "")
        return body.startswith(raw) and recorded.get("length", len(body)) == len(body)
    return _same(recorded, tree, "", strictly)


def _same(recorded: Any, asked: Any, name: str, strictly: bool) -> bool:
    if recorded == REDACTED:
        return True
    if isinstance(recorded, dict):
        if "$cut" in recorded:
            return isinstance(asked, str) and is_told_by(recorded["$cut"] + REDACTED, asked)
        if not isinstance(asked, dict):
            return bool({"$more", "$deep", "$ref", "$float", "$repr"} & recorded.keys())
        plain = {key.removeprefix("$") if key.startswith("$$") else key: value for key, value in recorded.items()}
        more = plain.pop("$more", 0)
        if any(REDACTED in key for key in plain):
            more += sum(REDACTED in key for key in plain)
            plain = {key: value for key, value in plain.items() if REDACTED not in key}
        if plain.keys() - asked.keys() or (not more and asked.keys() - plain.keys()):
            return False
        return all(_same(value, asked[key], key, strictly) for key, value in plain.items())
    if isinstance(recorded, list):
        if not isinstance(asked, list):
            return False
        cut = bool(recorded) and isinstance(recorded[-1], dict) and "$more" in recorded[-1]
        kept = recorded[:-1] if cut else recorded
        if len(asked) != len(kept) and not (cut and len(asked) > len(kept)):
            return False
        return all(_same(one, other, name, strictly) for one, other in zip(kept, asked, strict=False))
    if recorded == asked and isinstance(recorded, bool) == isinstance(asked, bool):
        return True
    if isinstance(recorded, str) and isinstance(asked, str) and is_told_by(recorded, asked):
        return True
    if strictly or type(recorded) is not type(asked):
        return False
    if _ID_NAME.search(name):
        return True
    if isinstance(recorded, str):
        if is_told_by(_MIXED.sub("#", recorded), _MIXED.sub("#", asked)):
            return True
        return _MIXED.sub("#", recorded) == _MIXED.sub("#", asked) and bool(_DIGITS.search(recorded))
    return False
