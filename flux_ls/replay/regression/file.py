"""A recorded request as the source of a pytest file that needs the application and pytest alone: pure.

The text of a recording comes from outside. It stands in the file as literals (`literals.py`), or in its docstring where
nothing of it can end one.
"""

import contextlib
import keyword
import re
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from flux_ls.analysis.fingerprint import unqualified
from flux_ls.answers.rows import row_name
from flux_ls.model import Request
from flux_ls.record import wire
from flux_ls.replay.literals import WIDTH, Name, lines, scalar, text
from flux_ls.replay.regression.answering import LIBRARIES, OFFLINE, OUTBOUND
from flux_ls.replay.regression.blanks import Blank, blanks_of
from flux_ls.replay.regression.body import content_type, tree_in
from flux_ls.replay.regression.databases import copies, rows_of
from flux_ls.replay.regression.docstring import docstring
from flux_ls.replay.regression.imports import sorted_imports
from flux_ls.replay.regression.part import Interface, Library
from flux_ls.replay.regression.sending import sending
from flux_ls.replay.rows import Written, left_alone, row_of
from flux_ls.replay.shapes import RecordedCall, Recording

_MOST_ROWS = 5
_NOT_LET_IN = "(401, 403, 407, 419)"


class Django(Struct, frozen=True):
    """How a project of Django's is set up, and its tests."""

    settings: str
    """The module that manage.py names; empty where it names none."""
    has_plugin: bool
    """pytest-django makes the databases."""


class Target(Struct, frozen=True):
    """The application that the test imports."""

    module: str
    attribute: str
    is_factory: bool = False
    arguments: str = ""
    """What a factory is called with, as source."""
    django: Django | None = None
    has_sqlite: bool = False
    """The project speaks of SQLite."""
    interface: Interface = "either"
    folder: str = ""
    """Where the import of its module starts, relative to the project, with forward slashes."""
    libraries: tuple[Library, ...] = ()
    """What the project makes calls with, where the recording does not tell."""


class NotWritable(Exception):
    """No test can be made of it; says why."""


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
    blanks = blanks_of(recording)
    libraries = _libraries(recording) or target.libraries
    parts = [*sending(target.interface), OFFLINE]
    has_copies = target.has_sqlite and target.django is None
    rows, left = (
        rows_of(recording) if has_copies else ([], [(each, "") for each in recording.written if not each.spare])
    )
    if has_copies:
        parts.append(copies(bool(rows)))
    if recording.calls:
        parts += [OUTBOUND, *(LIBRARIES[library] for library in libraries)]
    body = _Body(recording, blanks)
    imports = {"import importlib", "from pathlib import Path", "import pytest", *body.imports}
    if target.django is not None:
        imports |= _imports_of_django(target.django)
    imports.update(each for part in parts for each in part.imports)
    sections = [
        "\n".join(docstring(recording, failure, blanks, *_database(target, rows, left, has_copies=has_copies))),
        "\n".join(sorted_imports(imports)),
        "\n".join(_constants(recording, rows, up)),
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


def _database(
    target: Target, rows: Sequence[object], left: Sequence[tuple[Written, str]], *, has_copies: bool
) -> Iterator[str]:
    if target.django is not None:
        met: dict[str, str] = {}
        for change, _ in left:
            if change.operation == "insert":
                met.pop(row_of(change), None)
            else:
                met[row_of(change)] = row_name(change.table, change.shown_key)
        such = f", such as {', '.join(list(met.values())[:_MOST_ROWS])}" if met else ""
        yield f"Its database is a new one, with what migrations put there: add the rows that it needs{such}."
        return
    its = "a copy of the one" if has_copies else "the one"
    yield f"Its database is {its} that the application has under test."
    if rows:
        yield "What the request wrote then, and others later to the same rows, is taken back in the copy: see ROWS."
    for each in left_alone(left):
        what = row_name(each.table, each.key)
        if each.reason:
            yield f"Not put back: {what}, {each.reason}."
        else:
            yield f"The request wrote {what}: put that back if it is still there."


# What is sent.


class _Body:
    """The lines that make the body, out of readable values where it can be made of them."""

    def __init__(self, recording: Recording, blanks: Sequence[Blank]) -> None:
        self.imports: tuple[str, ...] = ()
        body, tree = recording.sent.body, tree_in(recording)
        is_form = "application/x-www-form-urlencoded" in content_type(recording)
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


def _headers(recording: Recording, blanks: Sequence[Blank]) -> list[tuple[str, str]]:
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


def _constants(recording: Recording, rows: Sequence[object], up: int) -> Iterator[str]:
    yield f"ROOT = Path(__file__).resolve().parents[{up}]"
    if recording.calls:
        yield from lines([_call(call) for call in recording.calls], "CALLS = ", "", 0)
    if rows:
        yield from lines(rows, "ROWS = ", "", 0)


# The file.


def _application(target: Target) -> str:
    where = "ROOT" if target.folder in ("", ".") else f"ROOT / {text(target.folder)}"
    made = f"module.{target.attribute}{f'({target.arguments})' if target.is_factory else ''}"
    django = target.django
    lines = ["@pytest.fixture", f"def application(monkeypatch{', db' if django and django.has_plugin else ''}):"]
    lines.append(f"    monkeypatch.syspath_prepend(str({where}))")
    if django is not None and django.settings:
        lines.append(f'    os.environ.setdefault("DJANGO_SETTINGS_MODULE", {text(django.settings)})')
    lines.append(f"    module = importlib.import_module({text(target.module)})")
    if django is None:
        return "\n".join([*lines, f"    return {made}", ""])
    if django.has_plugin:
        hosts = '    monkeypatch.setattr(settings, "ALLOWED_HOSTS", ["*"])'
        return "\n".join([*lines, hosts, f"    return {made}", ""])
    return "\n".join([*lines, f"    application = {made}", *_DATABASES, ""])


_DATABASES = (
    "    # Databases of the test's own, as Django's runner makes them: what migrations put",
    "    # there is in them, and no mail leaves.",
    "    setup_test_environment()",
    '    settings.ALLOWED_HOSTS = ["*"]',
    "    databases = setup_databases(verbosity=0, interactive=False)",
    "    yield application",
    "    teardown_databases(databases, verbosity=0)",
    "    teardown_test_environment()",
)


def _imports_of_django(django: Django) -> set[str]:
    found = {"from django.conf import settings"} | ({"import os"} if django.settings else set())
    if not django.has_plugin:
        names = "setup_databases, setup_test_environment, teardown_databases, teardown_test_environment"
        found.add(f"from django.test.utils import {names}")
    return found


def _fixture(blank: Blank) -> str:
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


def _test(recording: Recording, failure: str | None, blanks: Sequence[Blank], body: _Body) -> Iterator[str]:
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


def _verdict(request: Request, failure: str | None, blanks: Sequence[Blank]) -> Iterator[str]:
    if blanks:
        yield f"    if status in {_NOT_LET_IN}:"
        yield '        pytest.skip(f"answered {status}: fill in what was redacted")'
    if failure is not None or request.status is None:
        yield "    assert status < 500, answer"
    else:
        yield f"    assert status == {request.status}, answer"
