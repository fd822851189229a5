"""What the names of recorded values say about them: which are ids, times, sizes, ports, or differ with every run."""

import re
from functools import lru_cache
from typing import Literal

Kind = Literal["own_id", "id", "run", "time", "duration", "size", "port", "order", "code", ""]
"""`own_id` names the thing it stands in (`id`), `id` another one (`customer_id`), `run` says only who did it when."""

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_OWN_IDS = frozenset({"id", "_id", "pk", "uuid", "guid", "oid", "lastrowid", "inserted_primary_key"})
_ID_ENDINGS = frozenset({"id", "ids", "uuid", "uuids", "guid", "guids", "pk", "pks", "ref", "key", "token", "nonce"})
_RUN_OWNERS = frozenset(
    {"trace", "span", "request", "correlation", "connection", "thread", "process", "invocation", "nonce", "worker"}
)
_RUN = frozenset(
    {
        *("traceparent", "tracestate", "baggage", "pid", "tid", "nonce", "hostname", "b3"),
        *("thread name", "thread id", "process pid", "process id", "worker name", "user agent original", "host name"),
        *("network peer address", "container id", "csrf token", "csrfmiddlewaretoken", "process executable path"),
        *("service instance id", "celery hostname", "http user agent", "net sock peer addr", "idempotency key"),
    }
)
_TIME_ENDINGS = frozenset({"at", "time", "timestamp", "ts", "date", "datetime", "on", "since", "until", "expires"})
_DURATIONS = frozenset({"duration", "elapsed", "took", "latency", "runtime", "uptime"})
_UNITS = frozenset({"ms", "millis", "milliseconds", "seconds", "secs", "us", "ns", "micros", "nanos"})
_SET_BY_HAND = frozenset({"timeout", "limit", "max", "min", "interval", "delay", "ttl", "every", "deadline"})
_SIZES = frozenset({"size", "bytes", "length"})
_CODE = frozenset({"code line number", "code column number", "code file path", "code stacktrace"})
HEADERS = frozenset(
    {
        *("date", "age", "host", "via", "server", "connection", "keep-alive", "user-agent", "cookie", "set-cookie"),
        *("accept", "accept-encoding", "accept-language", "traceparent", "tracestate", "baggage", "forwarded", "b3"),
        *("x-request-id", "x-correlation-id", "x-amzn-trace-id", "x-runtime", "x-response-time", "x-process-time"),
        *("server-timing", "cf-ray", "x-cache", "expires", "x-real-ip", "x-forwarded-for", "x-forwarded-port"),
        *("transfer-encoding", "last-modified", "x-served-by", "x-timer", "request-id"),
        "x-envoy-upstream-service-time",
    }
)
"""Headers that say nothing about what was asked or answered."""
BODY_HEADERS = frozenset({"content-length", "etag", "content-md5", "digest", "content-digest"})
"""Headers that follow from the body."""


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """The words of a name in lower case: `customerId`, `customer_id` and `customer.id` are `customer`, `id`."""
    return tuple(word.lower() for word in _WORDS.findall(name))


@lru_cache(maxsize=4096)
def kind(name: str) -> Kind:
    """What a value of this name is."""
    parts = words(name)
    if not parts:
        return ""
    text, last = " ".join(parts), parts[-1]
    if text in _RUN or (last in _ID_ENDINGS and len(parts) > 1 and parts[-2] in _RUN_OWNERS):
        return "run"
    if text in _CODE:
        return "code"
    if name.lower() in _OWN_IDS:
        return "own_id"
    if last in _ID_ENDINGS:
        return "id"
    if last == "port":
        return "port"
    if (_DURATIONS & {*parts} or last in _UNITS) and not _SET_BY_HAND & {*parts}:
        return "duration"
    if last in _TIME_ENDINGS:
        return "time"
    if last in _SIZES:
        return "size"
    return ""


def group(path_names: tuple[str, ...]) -> tuple[str, ...]:
    """Where ids of one kind stand: `customer_id`, `customers[3].id` and `customer.id` are ids of customers."""
    if not path_names:
        return ()
    parts = words(path_names[-1])
    if len(parts) == 1 and len(path_names) > 1:
        parts = (*words(path_names[-2])[-1:], *parts)
    return tuple(singular(part) for part in parts[-2:])


def singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


def seconds_in(name: str) -> float:
    """The unit of a duration by its name, in seconds; milliseconds when it does not say."""
    for part in reversed(words(name)):
        if part in ("s", "seconds", "secs", "runtime", "uptime"):
            return 1.0
        if part in ("us", "micros"):
            return 1e-6
        if part in ("ns", "nanos"):
            return 1e-9
    return 1e-3


VALUE_WORDS = re.compile(r"[A-Za-z0-9_-]+")
"""What may be an id inside of a text."""
