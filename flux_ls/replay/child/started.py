"""The application that a recorded start command names: `flask --app shop:create_app run`, `uvicorn shop.main:app`.

The words are those of a trace, and data: they name a module among the project's own files and a name that stands in it,
or nothing. What they call is a function that makes an application, with literals.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flux_ls.replay.child import main_module
from flux_ls.replay.child.finding import Candidate
from flux_ls.replay.child.own_files import OwnFiles

_PYTHON = re.compile(r"(python|pypy)[\d.]*(w|t|d)?(\.exe)?")
_WITH_VALUE = ("-X", "-W", "--check-hash-based-pycs")
_NAMED = re.compile(r"[A-Za-z_][\w.]*(?::[A-Za-z_][\w.]*(?:\(.*\))?)?", re.DOTALL)
_MODULE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_SERVERS = frozenset(
    {"uvicorn", "gunicorn", "hypercorn", "daphne", "granian", "waitress-serve", "waitress", "uwsgi", "gunicorn_h2c"}
)
_BY_PATH = frozenset({"fastapi", "sanic"})
_DJANGO = frozenset({"manage.py", "django-admin", "django"})
_FOLDERS = ("--app-dir", "--chdir", "--working-dir")
_FACTORY_FLAGS = frozenset({"--factory", "--call"})


@dataclass(frozen=True)
class Start:
    """What a trace tells of how its process was started."""

    words: tuple[str, ...] = ()
    folder: str = ""
    """The folder that it was started in."""
    flask_app: str = ""
    settings: str = ""
    """FLASK_APP and DJANGO_SETTINGS_MODULE, as they were."""

    @classmethod
    def of(cls, told: Mapping[str, Any] | None) -> "Start":
        told = told or {}
        return cls(
            words=tuple(told.get("words") or ()),
            folder=told.get("folder") or "",
            flask_app=told.get("flask_app") or "",
            settings=told.get("settings") or "",
        )


@dataclass(frozen=True)
class _Named:
    """What a command says, before anybody looks whether that is there."""

    text: str
    is_factory: bool = False
    by_flask: bool = False
    runs: bool = False
    """It is the program itself, which makes its application somewhere."""


def application_of(root: str, start: Start) -> Candidate | None:
    """None where the command tells none, or none of this project's."""
    program, rest = _program(start.words)
    files = OwnFiles(root, [start.folder, *_options(rest, *_FOLDERS)])
    for named in _told(program, rest, start):
        if (found := _candidate(files, named)) is not None:
            return found
    return None


def settings_of(root: str, start: Start) -> str:
    """Django's settings module, if it is one of this project's; else nothing."""
    program, rest = _program(start.words)
    told = _options(rest, "--settings") if os.path.basename(program) in _DJANGO else []
    for module in (*told, start.settings):
        if _MODULE.fullmatch(module) and OwnFiles(root, [start.folder]).module(module) is not None:
            return module
    return ""


def _candidate(files: OwnFiles, named: _Named) -> Candidate | None:
    module, _, attribute = named.text.partition(":")
    if module.endswith(".py"):
        found = files.path(module)
    else:
        found = files.module(module) if _MODULE.fullmatch(module) else None
    if found is None and named.runs:
        found = files.script(module)
    if found is None:
        return None
    if named.runs:
        told = main_module.application_in(files, found)
        if told is None:
            return None
        found, attribute = told.module, told.attribute
        return Candidate(
            f"{found.name}:{attribute}", found.folder, files.shown(found), 0, told.is_factory, own=found.file
        )
    if attribute:
        call = main_module.read_call(attribute)
        if call is None or not main_module.offers(files, found, call.name, called=call.is_call or named.is_factory):
            return None
    return Candidate(
        f"{found.name}:{attribute}" if attribute else found.name,
        found.folder,
        files.shown(found),
        0,
        named.is_factory,
        by_flask=named.by_flask,
        own=found.file,
    )


def _told(program: str, rest: Sequence[str], start: Start) -> Iterator[_Named]:
    name = os.path.basename(program)
    if name == "flask":
        for text in (*_options(rest, "--app", "-A"), start.flask_app):
            if text:
                yield _Named(text, by_flask=True)
    elif name in _SERVERS:
        is_factory = not _FACTORY_FLAGS.isdisjoint(rest)
        words = [word for word in rest if _NAMED.fullmatch(word)]
        # What has a colon is no value of another option: ports and sockets look otherwise.
        yield from (_Named(word, is_factory) for word in words if ":" in word)
        # Without one it is `application` that is served, which has to be there.
        yield from (_Named(f"{word}:application", is_factory) for word in reversed(words) if ":" not in word)
    elif name in _BY_PATH:
        names = _options(rest, "--app")
        yield from (_Named(f"{word}:{names[0]}" if names else word) for word in rest if word.endswith(".py"))
        yield from (_Named(word) for word in rest if ":" in word and _NAMED.fullmatch(word))
    elif program and name not in _DJANGO:
        yield _Named(program if program.endswith(".py") else f"{program}.__main__", runs=True)
        yield _Named(program, runs=True)


def _program(told: Sequence[str]) -> tuple[str, list[str]]:
    """The console script by its name, the module, or the path of the script; and its arguments."""
    words = list(told)
    if words and _PYTHON.fullmatch(_name(words[0])):
        words.pop(0)
        while words and words[0].startswith("-") and words[0] != "-m":
            words = words[2 if words[0] in _WITH_VALUE else 1 :]
    if not words:
        return "", []
    first, *rest = words
    if first == "-m":
        return (rest[0], rest[1:]) if rest else ("", [])
    if first.startswith("-"):
        return "", []
    name = _name(first).removesuffix(".exe")
    if name == "__main__.py" and _name(os.path.dirname(first)) in _SERVERS | _BY_PATH | {"flask"}:
        # `python -m uvicorn`, as the program itself sees it.
        return _name(os.path.dirname(first)), rest
    return (first if name.endswith(".py") else name), rest


def _name(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


def _options(words: Sequence[str], *names: str) -> list[str]:
    found = []
    for at, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in names and equals:
            found.append(value)
        elif word in names and at + 1 < len(words):
            found.append(words[at + 1])
    return found
