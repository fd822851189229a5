"""A regression test for a recorded request: the application that it imports, and its place among the tests."""

import ast
import configparser
import contextlib
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, get_args

from msgspec import Struct
from msgspec.structs import replace

from flux_ls.analysis.assess import assess
from flux_ls.replay.after import recorded_paths
from flux_ls.replay.child.finding import Candidate, NotFound, django_settings, find
from flux_ls.replay.child.started import Start, application_of, settings_of
from flux_ls.replay.literals import scalar
from flux_ls.replay.outcome import line
from flux_ls.replay.regression.file import Django, NotWritable, Target, regression_test, test_name
from flux_ls.replay.regression.part import Interface, Library
from flux_ls.replay.shapes import Conditions, Recording
from flux_ls.replay.start import start_of

_NAMES = ("app", "application", "create_app", "make_app")
_WSGI = re.compile(r"^\s*(?:from|import)\s+(?:flask|django\.core\.wsgi|bottle|pyramid|falcon\b(?!\.asgi))", re.M)
_ASGI = re.compile(r"^\s*(?:from|import)\s+(?:fastapi|starlette|quart|litestar|django\.core\.asgi)", re.M)
_DJANGO = re.compile(r"^\s*(?:from|import)\s+django\.core\.[aw]sgi\b", re.M)
_PLUGIN = re.compile(r"\bpytest[-_]django\b", re.I)
_MOST_FILES = 2000


class NewTest(Struct, frozen=True):
    """A test file that is to be written; `path` is relative to the project, with forward slashes."""

    path: str
    text: str
    name: str
    """What the test is called."""


def new_test(recording: Recording, conditions: Conditions, file: Path | None = None) -> NewTest:
    """Reads the project's files and writes none. `file` is where it is to be, if not where pytest looks for tests.

    Raises NotWritable.
    """
    root = conditions.root.resolve()
    seen = list(dict.fromkeys(recorded_paths(recording.spans)))
    failure = assess(recording.spans).failure if recording.request.failed else None
    told = line(failure, recording.request.status) if recording.request.failed else None
    name = test_name(recording.request)
    path = _free(root, *folder_of_tests(root), name) if file is None else _inside(root, file)
    if not (root / path).parent.resolve().is_relative_to(root):
        raise NotWritable(f"{path.parent} leads out of {root}: make another folder one of `testpaths`")
    target = _target(root, conditions.app, seen, Start.of(start_of(recording.spans)))
    if any(span.attributes.get("db.system.name") == "sqlite" for span in recording.spans):
        # The project need not say so itself: its database may be named by a variable.
        target = replace(target, has_sqlite=True)
    text = regression_test(recording, target, told, up=len(path.parts) - 1)
    return NewTest(str(path), text, name)


def folder_of_tests(root: Path) -> tuple[PurePosixPath, str]:
    """Where pytest looks for tests, as its settings say, and how the files of tests are called."""
    options = _pytest_options(root)
    pattern = next(iter(_words(options.get("python_files"))), "test_*.py")
    if pattern.count("*") != 1 or not pattern.endswith(".py") or "/" in pattern or "\\" in pattern:
        pattern = "test_*.py"
    for named in (*_words(options.get("testpaths")), "tests", "test"):
        folder = PurePosixPath(named.replace("\\", "/"))
        if folder.is_absolute() or ".." in folder.parts or "*" in named:
            continue
        # A link would lead out of the project.
        if (root / folder).is_dir() and (root / folder).resolve().is_relative_to(root):
            return folder, pattern
    return PurePosixPath("tests"), pattern


def _pytest_options(root: Path) -> dict[str, Any]:
    for name, section in (("pytest.ini", "pytest"), (".pytest.ini", "pytest")):
        if (found := _ini(root / name, section)) is not None:
            return found
    with contextlib.suppress(OSError, ValueError):
        tool = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("tool", {}).get("pytest", {})
        if isinstance(tool, dict) and (options := tool.get("ini_options", tool)):
            return options if isinstance(options, dict) else {}
    return _ini(root / "tox.ini", "pytest") or _ini(root / "setup.cfg", "tool:pytest") or {}


def _ini(file: Path, section: str) -> dict[str, Any] | None:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, configparser.Error):
        return None
    return dict(parser[section]) if parser.has_section(section) else None


def _words(value: object) -> list[str]:
    return value.split() if isinstance(value, str) else [str(each) for each in value] if isinstance(value, list) else []


def _inside(root: Path, file: Path) -> PurePosixPath:
    folder = file.parent.resolve()
    if not folder.is_relative_to(root) or file.suffix != ".py":
        raise NotWritable(f"{file} is no Python file in {root}, where the application is")
    return PurePosixPath((folder / file.name).relative_to(root).as_posix())


def _free(root: Path, folder: PurePosixPath, pattern: str, name: str) -> PurePosixPath:
    """A file that is not there yet: what somebody has made of an earlier one stays."""
    stem = name.removeprefix("test_")
    for number in range(1, 1000):
        path = folder / pattern.replace("*", stem if number == 1 else f"{stem}_{number}")
        if not (root / path).exists():
            return path
    raise NotWritable(f"{folder} is full of tests of this request")


def _target(root: Path, app: str, seen: list[str], start: Start) -> Target:
    try:
        candidate = (
            Candidate(app, str(root), "", 0) if app else application_of(str(root), start) or find(str(root), seen)
        )
    except NotFound as error:
        raise NotWritable(str(error)) from None
    module, _, attribute = candidate.target.partition(":")
    module = module.replace("/", ".").removesuffix(".py")
    attribute, arguments = _called(attribute)
    folder = next((each for each in (candidate.folder, str(root / "src")) if _source(Path(each), module)), str(root))
    tree, source = _source(Path(folder), module) or (ast.Module([], []), "")
    attribute, calls = attribute.removesuffix("()"), attribute.endswith("()") or candidate.is_factory
    attribute = attribute or next((name for name in _NAMES if _defines(tree, name)), "app")
    inside = os.path.relpath(folder, root).replace(os.sep, "/")
    django = (
        _django(root, Path(folder), settings_of(str(root), start))
        if "django" in module or _DJANGO.search(source)
        else None
    )
    mentioned = _mentioned(root)
    return Target(
        module=module,
        attribute=attribute,
        is_factory=calls or bool(arguments) or _is_factory(tree, attribute),
        arguments=arguments,
        interface="wsgi" if module == "django.core.wsgi" else _interface(source),
        folder="" if inside == "." else inside,
        libraries=tuple(name for name in get_args(Library) if name in mentioned),
        has_sqlite="sqlite" in mentioned,
        django=django,
    )


def _called(attribute: str) -> tuple[str, str]:
    """A factory and what it is called with, as FLASK_APP may say: `create_app('dev')`."""
    name, found, rest = attribute.partition("(")
    if not found or rest.strip() == ")":
        return attribute, ""
    try:
        call = ast.parse(attribute, mode="eval").body
        if isinstance(call, ast.Call):
            given = [scalar(_plain(each)) for each in call.args]
            given += [f"{each.arg}={scalar(_plain(each.value))}" for each in call.keywords if each.arg]
            return name, ", ".join(given)
    except (SyntaxError, ValueError):
        pass
    raise NotWritable(f"{attribute} is no call with values that can be written down")


def _plain(value: ast.expr) -> object:
    found = ast.literal_eval(value)
    if not isinstance(found, str | bytes | int | float | None):
        raise ValueError
    return found


def _django(root: Path, folder: Path, told: str) -> Django:
    settings = told or next((found for each in (folder, root) if (found := django_settings(each))), "")
    return Django(settings=settings, has_plugin=_has_plugin(root))


def _has_plugin(root: Path) -> bool:
    """Whether pytest-django makes the databases of the project's tests."""
    if {"DJANGO_SETTINGS_MODULE", "django_settings_module"} & _pytest_options(root).keys():
        return True
    for file in (
        root / "pyproject.toml",
        root / "setup.cfg",
        root / "Pipfile",
        *sorted(root.glob("requirements*.txt")),
    ):
        with contextlib.suppress(OSError, ValueError):
            if _PLUGIN.search(file.read_text(encoding="utf-8")):
                return True
    return False


def _source(folder: Path, module: str) -> tuple[ast.Module, str] | None:
    base = folder.joinpath(*module.split("."))
    for file in (base.with_suffix(".py"), base / "__init__.py"):
        with contextlib.suppress(OSError, ValueError, SyntaxError, RecursionError):
            source = file.read_text(encoding="utf-8")
            return ast.parse(source), source
    return None


def _defines(tree: ast.Module, name: str) -> bool:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return True
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return True
    return False


def _is_factory(tree: ast.Module, name: str) -> bool:
    """A function that takes nothing cannot answer requests, so it makes what does."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return len(node.args.posonlyargs + node.args.args) == len(node.args.defaults)
    return False


def _interface(source: str) -> Interface:
    wsgi, asgi = bool(_WSGI.search(source)), bool(_ASGI.search(source))
    return "either" if wsgi == asgi else "wsgi" if wsgi else "asgi"


def _mentioned(root: Path) -> set[str]:
    """What the project's own files import of the libraries that make calls, and whether they speak of SQLite."""
    found: set[str] = set()
    for file in _python_files(root):
        with contextlib.suppress(OSError, ValueError):
            text = file.read_text(encoding="utf-8")
            found.update(_IMPORTED.findall(text))
            if "sqlite" in text:
                found.add("sqlite")
    return found


_IMPORTED = re.compile(r"^\s*(?:from|import)\s+(requests|httpx|aiohttp|urllib3|urllib(?=\.request))\b", re.M)
_LEFT_OUT = frozenset({"node_modules", "site-packages", "__pycache__", "venv", "env", "build", "dist"})


def _python_files(root: Path) -> Iterator[Path]:
    count = 0
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _LEFT_OUT)
        for name in sorted(names):
            if name.endswith(".py"):
                count += 1
                if count > _MOST_FILES:
                    return
                yield Path(folder, name)
