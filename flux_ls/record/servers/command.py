"""The command that this process was started with: what it is called, and whether it is there to serve requests."""

import sys
from pathlib import PurePath
from typing import Final, NamedTuple

from flux_ls.record.redaction import is_secret_key, redact_text
from flux_ls.record.redaction.remembered import redacted

_LONGEST_WORD: Final = 200
_LONGEST: Final = 1000

_SERVERS: Final = {
    "uvicorn": (),
    "gunicorn": (),
    "hypercorn": (),
    "daphne": (),
    "granian": (),
    "waitress-serve": (),
    "waitress": (),
    "uwsgi": (),
    "sanic": (),
    "http.server": (),
    "flask": ("run",),
    "fastapi": ("run", "dev"),
    "litestar": ("run",),
    "quart": ("run",),
    "celery": ("worker", "beat", "events", "flower", "multi"),
    "dramatiq": (),
    "rq": ("worker", "worker-pool"),
    "huey_consumer": (),
    "arq": (),
    "manage.py": ("runserver", "runserver_plus", "runworker", "qcluster", "rundramatiq"),
    "django": ("runserver", "runserver_plus"),
    "django-admin": ("runserver", "runserver_plus"),
    "jupyter": (),
    "jupyter-lab": (),
    "ipython": (),
}
"""Programs that serve; with words of which one has to be there, where they can do other things, too."""
_FORKING: Final = frozenset({"gunicorn", "celery", "uwsgi", "granian", "dramatiq", "rq", "arq"})
"""Programs whose requests are served by other processes than the one that starts."""
_TESTS: Final = {
    "pytest": (),
    "py.test": (),
    "_jb_pytest_runner.py": (),
    "unittest": (),
    "manage.py": ("test",),
    "django": ("test",),
    "django-admin": ("test",),
}
"""Programs that run tests, each of which is a request of its own; with the first word that has to be there."""
_NO_PROGRAMS: Final = (
    "multiprocessing",
    "resource_tracker",
    "forkserver",
    "--multiprocessing-fork",
    "execnet",
    "sys.stdin.readline",
)
"""In the code of `python -c`: a worker of some other process."""


class Command(NamedTuple):
    """A command as it may be told."""

    text: str
    words: tuple[str, ...]
    path: str | None
    """Of the script."""
    serves: bool
    starts_here: bool = True
    """Whether the application starts in this process, of a program that serves."""

    def attributes(self) -> dict[str, object]:
        found: dict[str, object] = {"process.command_args": list(self.words)}
        if self.path is not None:
            found["code.file.path"] = self.path
        return found


def this_command() -> Command | None:
    """None for what no user would call a run of a program."""
    return command_of(list(getattr(sys, "orig_argv", ())))


def command_of(argv: list[str]) -> Command | None:
    """The command of a Python interpreter's arguments, its own options left out."""
    if len(argv) < 2:
        return None  # the interactive interpreter
    python, *rest = argv
    while rest and rest[0].startswith("-") and rest[0][1:2] not in ("m", "c") and rest[0] != "-":
        rest = rest[2 if rest[0] in ("-X", "-W", "--check-hash-based-pycs") else 1 :]
    if not rest or rest[0] == "-":
        return None
    first, *arguments = rest
    if first.startswith("-c"):
        code = first[2:] or (arguments[0] if arguments else "")
        if any(word in code or word in arguments for word in _NO_PROGRAMS):
            return None
        return _command([PurePath(python).name, "-c", code, *arguments[0 if first[2:] else 1 :]], None, serves=False)
    if first.startswith("-m"):
        module = first[2:] or (arguments.pop(0) if arguments else "")
        program, told, path = module, [PurePath(python).name, "-m", module], None
    else:
        path = first
        program = PurePath(first).name
        scripts = PurePath(first).suffix not in (".py", ".pyw", ".pyz", "")
        told = [program] if not PurePath(first).suffix or scripts else [PurePath(python).name, first]
        if not PurePath(first).suffix:
            path = None
    program = program.removesuffix(".exe")
    first_word = _TESTS.get(program)
    if first_word is not None and (not first_word or tuple(arguments[:1]) == first_word):
        return None
    wanted = _SERVERS.get(program)
    serves = wanted is not None and (not wanted or not set(wanted).isdisjoint(arguments))
    command = _command([*told, *arguments], path, serves)
    return command._replace(starts_here=program not in _FORKING)


def _command(words: list[str], path: str | None, serves: bool) -> Command:
    told = tuple(_without_secrets(words))
    return Command(redact_text(" ".join(told))[:_LONGEST], told, path, serves)


def _without_secrets(words: list[str]) -> list[str]:
    out: list[str] = []
    secret = False
    for word in words:
        if secret and not word.startswith("-"):
            out.append(redacted(word))
            secret = False
            continue
        name, equals, value = word.partition("=")
        secret = word.startswith("-") and is_secret_key(name.lstrip("-"))
        if secret and equals:
            out.append(f"{name}={redacted(value)}")
            secret = False
        else:
            out.append(redact_text(word)[:_LONGEST_WORD])
    return out
