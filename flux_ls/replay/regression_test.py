"""A recorded request as the source of a pytest file that needs the application and pytest alone: pure.

The text of a recording comes from outside. It stands in the file as literals (`literals.py`), or in its docstring where
nothing of it can end one.
"""

import contextlib
import keyword
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from msgspec import Struct

from flux_ls.analysis import recorded
from flux_ls.analysis.fingerprint import unqualified
from flux_ls.analysis.request import entry_of
from flux_ls.model import Request
from flux_ls.record import wire
from flux_ls.replay.literals import WIDTH, Name, lines, scalar, text, tree_of
from flux_ls.replay.regression_parts import (
    ASGI,
    LIBRARIES,
    OFFLINE,
    OUTBOUND,
    SEND,
    WSGI,
    Interface,
    Library,
    Part,
)
from flux_ls.replay.shapes import RecordedCall, Recording

_STANDARD = frozenset({"asyncio", "email", "importlib", "inspect", "io", "json", "pathlib", "socket", "sys", "urllib"})
_TAKEN = frozenset({"application", "outbound", "offline", "monkeypatch", "request", "headers", "body", "payload"})
"""Names that the file, or pytest, has another use for."""
_NOT_LET_IN = "(401, 403, 407, 419)"
_LONGEST_TOLD = 160


class Target(Struct, frozen=True):
    """The application that the test imports."""

    module: str
    attribute: str
    is_factory: bool = False
    interface: Interface = "either"
    folder: str = ""
    """Where the import of its module starts, relative to the project, with forward slashes."""
    libraries: tuple[Library, ...] = ()
    """What the project makes calls with, where the recording does not tell."""


class NotWritable(Exception):
    """No test can be made of it; says why."""


class _Blank(Struct, frozen=True):
    """A value that had been redacted: a fixture to fill in."""

    fixture: str
    name: str
    what: str
    default: str


def test_name(request: Request) -> str:
    """What the test is called: `test_post_checkout_550e8400`."""
    words = re.findall(r"[a-z0-9]+", f"{request.method} {request.route or request.path or request.name}".lower())
    return "_".join(["test", *words])[:60].rstrip("_") + f"_{request.short_id}"


def regression_test(recording: Recording, target: Target, failure: str | None, *, up: int) -> str:
    """The source of the file. `failure` is what the request died of in a line, None for one that went well; `up` is how
    many folders the project is above the file's own. Raises NotWritable.
    """
    names = [*target.module.split("."), *target.attribute.split(".")]
    if not all(name.isidentifier() and not keyword.iskeyword(name) for name in names):
        raise NotWritable(f"{target.module}:{target.attribute} is no name that can be imported")
    blanks = _blanks(recording)
    libraries = _libraries(recording) or target.libraries
    parts = [*_sending(target.interface), OFFLINE]
    if recording.calls:
        parts += [OUTBOUND, *(LIBRARIES[library] for library in libraries)]
    body = _Body(recording, blanks)
    imports = {"import importlib", "from pathlib import Path", "import pytest", *body.imports}
    imports.update(each for part in parts for each in part.imports)
    sections = [
        "\n".join(_docstring(recording, failure, blanks)),
        "\n".join(_sorted(imports)),
        "\n".join(_constants(recording, up)),
    ]
    source = "\n\n".join(sections) + "\n\n\n"
    definitions = [
        _application(target),
        *map(_fixture, blanks),
        *([_outbound(libraries)] if recording.calls else []),
        "\n".join(_test(recording, failure, blanks, body)) + "\n",
        *(part.source for part in parts),
    ]
    return source + "\n\n".join(definitions)


# What was redacted.


def _blanks(recording: Recording) -> list[_Blank]:
    """Headers first, then the fields of the body."""
    found: list[_Blank] = []
    taken = set(_TAKEN)
    for name, what, default in (*_blank_headers(recording), *_blank_fields(recording)):
        if not any(each.name == name and each.what == what for each in found):
            fixture = _identifier(name, taken)
            taken.add(fixture)
            found.append(_Blank(fixture, name, what, default))
    return found


def _blank_headers(recording: Recording) -> Iterator[tuple[str, str, str]]:
    told = recorded.input_of(entry_of(list(recording.spans)))
    headers = told.get("headers") if isinstance(told, dict) else None
    sent = {name.lower() for name, value in recording.sent.headers if wire.REDACTED not in value}
    for name, value in headers.items() if isinstance(headers, dict) else ():
        if wire.REDACTED in str(value) and name.lower() not in sent:
            yield name, "header", "None"


def _blank_fields(recording: Recording) -> Iterator[tuple[str, str, str]]:
    for name, value in _leaves(_tree(recording)):
        if isinstance(value, str) and wire.REDACTED in value:
            yield name, "field", text(value)


def _leaves(tree: object, name: str = "body") -> Iterator[tuple[str, object]]:
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _leaves(value, str(key))
    elif isinstance(tree, list):
        for value in tree:
            yield from _leaves(value, name)
    else:
        yield name, tree


def _identifier(name: str, taken: Iterable[str]) -> str:
    found = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:40] or "value"
    if found[0].isdigit() or keyword.iskeyword(found) or found in taken:
        found = f"recorded_{found}"
    number = 2
    while found in taken:
        found, number = f"{found.rstrip('0123456789')}{number}", number + 1
    return found


# What is sent.


def _content_type(recording: Recording) -> str:
    return next((value.lower() for name, value in recording.sent.headers if name.lower() == "content-type"), "")


def _tree(recording: Recording) -> object:
    """The body as values, where it has any."""
    body, kind = recording.sent.body, _content_type(recording)
    try:
        if "application/x-www-form-urlencoded" in kind:
            return [list(pair) for pair in parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True)]
        return tree_of(body)
    except ValueError:
        return None


class _Body:
    """The lines that make the body, out of readable values where it can be made of them."""

    def __init__(self, recording: Recording, blanks: Sequence[_Blank]) -> None:
        self.imports: tuple[str, ...] = ()
        body, tree = recording.sent.body, _tree(recording)
        is_form = "application/x-www-form-urlencoded" in _content_type(recording)
        self._fields = {blank.name: blank for blank in blanks if blank.what == "field"}
        self.lines: list[str]
        if not body:
            self.lines = ['    body = b""']
        elif tree is None:
            self.lines = [f"    body = {scalar(body)}"]
        elif is_form:
            self.imports = ("from urllib.parse import urlencode",)
            pairs = [(name, self._filled(value, name)) for name, value in tree]  # type: ignore[attr-defined]
            self.lines = [*lines(pairs, "payload = ", "", 1), "    body = urlencode(payload).encode()"]
        else:
            self.imports = ("import json",)
            self.lines = [
                *lines(self._filled(tree, "body"), "payload = ", "", 1),
                "    body = json.dumps(payload).encode()",
            ]

    def _filled(self, tree: Any, name: str) -> Any:
        if isinstance(tree, dict):
            return {key: self._filled(value, key) for key, value in tree.items()}
        if isinstance(tree, list):
            return [self._filled(value, name) for value in tree]
        if isinstance(tree, str) and wire.REDACTED in tree and name in self._fields:
            return Name(self._fields[name].fixture)
        return tree


def _headers(recording: Recording, blanks: Sequence[_Blank]) -> list[tuple[str, str]]:
    by_name = {blank.name.lower(): blank for blank in blanks if blank.what == "header"}
    kept: list[tuple[str, str]] = [
        (name, value)
        for name, value in recording.sent.headers
        if name.lower() != "content-length" and name.lower() not in by_name
    ]
    return kept + [(blank.name.lower(), Name(blank.fixture)) for blank in by_name.values()]


# What is answered.


def _libraries(recording: Recording) -> tuple[Library, ...]:
    """Those that made the calls, by what they call themselves."""
    agents = [
        str(value)
        for call in recording.calls
        for name, value in call.request_headers.items()
        if name.lower() == "user-agent"
    ]
    told = " ".join([*agents, *(span.scope for span in recording.spans if span.kind == "client")]).lower()
    found: list[Library] = [name for name in ("requests", "httpx", "aiohttp", "urllib3") if name in told]
    if re.search(r"urllib(?!3)", told):
        found.append("urllib")
    return tuple(found)


def _call(call: RecordedCall) -> dict[str, object]:
    body: object = call.body
    with contextlib.suppress(ValueError):
        body = call.body.decode()
    headers = [pair for pair in call.headers if pair[0].lower() not in _FRAMING]
    return {
        "method": call.method.upper(),
        "url": call.url,
        "status": call.status,
        "headers": headers,
        "body": body,
        "error": unqualified(call.error) if call.status is None else "",
    }


_FRAMING = frozenset({"content-encoding", "content-length", "transfer-encoding", "connection", "keep-alive"})


def _constants(recording: Recording, up: int) -> Iterator[str]:
    yield f"ROOT = Path(__file__).resolve().parents[{up}]"
    if recording.calls:
        yield from lines([_call(call) for call in recording.calls], "CALLS = ", "", 0)


# The file.


def _docstring(recording: Recording, failure: str | None, blanks: Sequence[_Blank]) -> Iterator[str]:
    request = recording.request
    what = _told(f"{request.method} {request.path or request.name}", 50)
    yield f'"""{what} as it was recorded, sent again.'
    yield ""
    at = datetime.fromtimestamp(request.started_ns / 1e9, UTC)
    ended = f"was answered {request.status}" if request.status is not None else "had no answer"
    if failure is not None:
        ended += f" ({_told(failure, _LONGEST_TOLD)})"
    yield from _wrapped(f"req:{request.short_id} of {at:%Y-%m-%d %H:%M} UTC {ended}.")
    if recording.calls:
        yield from _wrapped("Calls to other services are answered as they were recorded then: see CALLS.")
    yield from _wrapped("Its database is the one that the application has under test.")
    if blanks:
        yield ""
        yield from _wrapped(
            "Fill in: what was redacted in the recording is a fixture here, with no value of use until you give it one."
        )
        for blank in blanks:
            yield from _wrapped(f"- {blank.fixture}: the {blank.what} {_told(blank.name, 60)}", "  ")
    lacking = [call for call in recording.calls if call.lacking]
    if lacking:
        yield ""
        yield from _wrapped("Fill in the bodies of these answers in CALLS, which were not recorded whole:")
        for call in lacking:
            yield from _wrapped(f"- {_told(f'{call.method} {call.url}', 100)}: {_told(call.lacking, 100)}", "  ")
    if wire.REDACTED.encode() in b"".join(call.body for call in recording.calls):
        yield ""
        yield from _wrapped(f"In CALLS, {wire.REDACTED} stands where the answers held secrets.")
    yield '"""'


def _told(value: str, limit: int) -> str:
    """Fit for a docstring: nothing that ends it, nothing that cannot be seen."""
    shown = "".join(char if char.isprintable() else " " for char in value)
    shown = " ".join(shown.replace("\\", "/").replace('"', "'").split())
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _wrapped(sentence: str, indent: str = "") -> list[str]:
    return textwrap.wrap(sentence, WIDTH, subsequent_indent=indent, break_on_hyphens=False)


def _sorted(imports: Iterable[str]) -> Iterator[str]:
    """As import sorters want them: the standard library, then the rest; modules before names out of modules."""

    def key(line: str) -> tuple[bool, str]:
        return line.startswith("from"), line.split()[1].lower()

    merged = _merged(imports)
    standard = sorted((each for each in merged if each.split()[1].partition(".")[0] in _STANDARD), key=key)
    others = sorted((each for each in merged if each not in standard), key=key)
    yield from standard
    yield ""
    yield from others


def _merged(imports: Iterable[str]) -> list[str]:
    """One line for each module that names are imported from."""
    names: dict[str, set[str]] = {}
    plain: list[str] = []
    for each in set(imports):
        if each.startswith("from "):
            _, module, _, wanted = each.split(" ", 3)
            names.setdefault(module, set()).update(wanted.split(", "))
        else:
            plain.append(each)
    return plain + [f"from {module} import {', '.join(sorted(wanted))}" for module, wanted in names.items()]


def _application(target: Target) -> str:
    where = "ROOT" if target.folder in ("", ".") else f"ROOT / {text(target.folder)}"
    made = f"module.{target.attribute}{'()' if target.is_factory else ''}"
    return (
        "@pytest.fixture\n"
        "def application(monkeypatch):\n"
        f"    monkeypatch.syspath_prepend(str({where}))\n"
        f"    module = importlib.import_module({text(target.module)})\n"
        f"    return {made}\n"
    )


def _fixture(blank: _Blank) -> str:
    return (
        "@pytest.fixture\n"
        f"def {blank.fixture}():\n"
        f'    """Fill in: the {blank.what} was redacted in the recording."""\n'
        f"    return {blank.default}\n"
    )


def _outbound(libraries: Sequence[Library]) -> str:
    calls = [f"    answer_{library}(monkeypatch, recorded)\n" for library in libraries]
    return (
        "@pytest.fixture(autouse=True)\n"
        "def outbound(monkeypatch):\n"
        "    recorded = Outbound(CALLS)\n"
        f"{''.join(calls)}"
        "    return recorded\n"
    )


def _sending(interface: Interface) -> list[Part]:
    drivers = {"wsgi": [WSGI], "asgi": [ASGI], "either": [WSGI, ASGI]}[interface]
    return [SEND[interface], *drivers]


def _test(recording: Recording, failure: str | None, blanks: Sequence[_Blank], body: _Body) -> Iterator[str]:
    request, sent = recording.request, recording.sent
    fixtures = ["application", *(blank.fixture for blank in blanks)]
    head = f"def {test_name(request)}({', '.join(fixtures)}):"
    if len(head) <= WIDTH:
        yield head
    else:
        yield f"def {test_name(request)}("
        yield from _arguments(fixtures)
        yield "):"
    headers = _headers(recording, blanks)
    yield from lines(headers, "headers = ", "", 1)
    yield from body.lines
    target = sent.path + (f"?{sent.query}" if sent.query else "")
    method = text(sent.method)
    one = f"    status, answer = send(application, {method}, {text(target)}, headers, body)"
    if len(one) <= WIDTH:
        yield one
    else:
        yield "    status, answer = send("
        yield from (f"        {each}," for each in ("application", method, text(target), "headers", "body"))
        yield "    )"
    yield from _verdict(request, failure, blanks)


def _arguments(names: Sequence[str]) -> Iterator[str]:
    inline = f"    {', '.join(names)}"
    if len(inline) <= WIDTH:
        yield inline
    else:
        yield from (f"    {name}," for name in names)


def _verdict(request: Request, failure: str | None, blanks: Sequence[_Blank]) -> Iterator[str]:
    if blanks:
        yield f"    if status in {_NOT_LET_IN}:"
        yield '        pytest.skip(f"answered {status}: fill in what was redacted")'
    if failure is not None or request.status is None:
        yield "    assert status < 500, answer"
    else:
        yield f"    assert status == {request.status}, answer"
