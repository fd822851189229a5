"""Finding the application of a project by reading its files: what is called `Flask(...)` at the top of a module, and
what makes one.
"""

import ast
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_CLASSES = {
    "Flask": 3,
    "FastAPI": 3,
    "Starlette": 3,
    "Quart": 3,
    "Litestar": 3,
    "get_wsgi_application": 4,
    "get_asgi_application": 2,
}
"""What makes an application, and how likely it is the one that serves."""
_DJANGO = "django.core.wsgi:get_wsgi_application()"
"""Of a project without a wsgi.py; its settings are named in manage.py."""
_FACTORIES = ("create_app", "make_app", "build_app", "get_app", "app_factory", "create_application")
_NAMES = ("app", "application", "api")
_LEFT_OUT = frozenset(
    {"node_modules", "site-packages", "__pycache__", "venv", "env", "build", "dist", "docs", "doc", "tests", "test"}
    | {"testing", "examples", "example"}
)
_PROJECT = ("pyproject.toml", "setup.py", "setup.cfg", "manage.py", "requirements.txt", "Pipfile")
_MANY_FILES = 4000
_LARGEST = 512 * 1024
_TOLD_APP = re.compile(r"""^[ \t]*(?:export[ \t]+)?FLASK_APP[ \t]*=[ \t]*(?:"([^"\n]+)"|'([^'\n]+)'|([^#\s]+))""", re.M)
_TOLD_SETTINGS = re.compile(r"""DJANGO_SETTINGS_MODULE["']\s*[\],]\s*=?\s*["']([\w.]+)["']""")
_MENTIONS = re.compile(rb"Flask|FastAPI|Starlette|Quart|Litestar|get_[aw]sgi_application")


@dataclass(frozen=True)
class Candidate:
    """`target` is `pkg.mod:app`; `folder` is where its import starts."""

    target: str
    folder: str
    file: str
    score: int
    is_factory: bool = False
    by_flask: bool = False
    """It is named as FLASK_APP is, and Flask knows what that means."""
    own: str = ""
    """The file that its module has to come from: of one that a trace named."""
    settings: str = ""
    """The module of Django's settings, where its process was told one."""


class NotFound(Exception):
    """There is none, or there are several; `mend` says what to do."""

    def __init__(self, reason: str, mend: str) -> None:
        super().__init__(reason)
        self.mend = mend

    def __str__(self) -> str:
        return f"{self.args[0]}: {self.mend}"


def find(
    root: str,
    seen: Sequence[str] = (),
    environ: "os._Environ[str] | dict[str, str] | None" = None,
    known: "Sequence[Candidate] | None" = None,
) -> Candidate:
    """The application. `seen` are recorded paths of the code that answered: of several, the one nearest to it. `known`
    are the project's candidates, where somebody has looked already.
    """
    if told := (environ or {}).get("FLASK_APP") or _flask_app(root):
        return Candidate(told, root, "", 9, by_flask=True)
    found = list(candidates(root) if known is None else known)
    if not found:
        raise NotFound(
            "no application was found (Flask, FastAPI, Starlette, Django)",
            'name it, as in app = "pkg.mod:app" under [tool.flux], FLUX_APP or --app',
        )
    near = {each: _nearness(each.file, seen) for each in found}
    found.sort(key=lambda each: (-near[each], -each.score, each.file.count(os.sep), each.target))
    best = found[0]
    rivals = [each for each in found[1:] if (near[each], each.score) == (near[best], best.score)]
    if rivals:
        names = ", ".join(each.target for each in (best, *rivals)[:5])
        raise NotFound(f"several applications were found ({names})", "name one as app under [tool.flux], or with --app")
    return best


def _flask_app(root: str) -> str | None:
    """As the files name it that `flask run` reads, the first before the second."""
    for name in (".env", ".flaskenv"):
        try:
            found = _TOLD_APP.search(Path(root, name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if found is not None:
            return found[1] or found[2] or found[3]
    return None


def django_settings(folder: Path) -> str | None:
    """The module that the folder's manage.py names, whose line is read and not run."""
    try:
        text = (folder / "manage.py").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = _TOLD_SETTINGS.search(text)
    return found[1] if found is not None else None


def _nearness(file: str, seen: Sequence[str]) -> int:
    """How many folders the candidate shares with code that was recorded."""
    folders = Path(file).parts[:-1]
    best = 0
    for path in seen:
        parts = path.replace("\\", "/").split("/")
        shared = next(
            (depth for depth in range(len(folders), 0, -1) if _holds(parts, folders[-depth:] if depth else ())), 0
        )
        best = max(best, shared)
    return best


def _holds(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    return any(tuple(parts[at : at + len(wanted)]) == tuple(wanted) for at in range(len(parts)))


def candidates(root: str) -> Iterator[Candidate]:
    for file in python_files(root):
        try:
            source = Path(file).read_bytes()
            if os.path.basename(file) == "manage.py" and b"DJANGO_SETTINGS_MODULE" in source:
                yield Candidate(_DJANGO, os.path.dirname(file), os.path.relpath(file, root), _CLASSES["FastAPI"])
            if len(source) > _LARGEST or not _MENTIONS.search(source):
                continue
            tree = ast.parse(source)
        except (OSError, ValueError, SyntaxError, RecursionError):
            continue
        folder, module = module_of(root, file)
        for target, score, is_factory in _candidates_in(tree):
            yield Candidate(f"{module}:{target}", folder, os.path.relpath(file, root), score, is_factory)


def python_files(root: str) -> Iterator[str]:
    count = 0
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in _LEFT_OUT
            and not os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))
        )
        for name in sorted(names):
            if name.endswith(".py") and not name.startswith("test_"):
                count += 1
                if count > _MANY_FILES:
                    return
                yield os.path.join(folder, name)


def module_of(root: str, file: str) -> tuple[str, str]:
    """The folder that its import starts from, and its dotted name."""
    path = Path(file)
    parts = [] if path.stem == "__init__" else [path.stem]
    folder = path.parent
    # Without __init__.py a folder is a package all the same, up to where a project begins; `src` is where packages are.
    while folder != Path(root) and folder.name.isidentifier() and folder.name != "src" and not is_project(folder):
        parts.insert(0, folder.name)
        folder = folder.parent
    return str(folder), ".".join(parts)


def is_project(folder: Path) -> bool:
    return any((folder / name).exists() for name in _PROJECT)


def _candidates_in(tree: ast.Module) -> Iterator[tuple[str, int, bool]]:
    """Name, likelihood, and whether it is a function that makes one."""
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
            made = made_by(node.value)
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if made is not None and isinstance(targets[0], ast.Name):
                yield targets[0].id, made + (1 if targets[0].id in _NAMES else 0), False
            elif isinstance(targets[0], ast.Name) and called(node.value) in _FACTORIES:
                yield targets[0].id, 4, False
        elif isinstance(node, ast.FunctionDef) and node.name in _FACTORIES and _is_factory(node):
            yield node.name, 2, True


def made_by(call: ast.Call) -> int | None:
    """How likely it is the application that serves, if what is called makes one."""
    return _CLASSES.get(called(call))


def is_factory_name(name: str) -> bool:
    return name in _FACTORIES or name.endswith("_app") or name.startswith(("create_", "make_", "build_"))


def called(call: ast.Call) -> str:
    function = call.func
    return (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )


def _is_factory(function: ast.FunctionDef) -> bool:
    return len(function.args.args) <= len(function.args.defaults) and makes_one(function)


def makes_one(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(node, ast.Call) and called(node) in _CLASSES for node in ast.walk(function))
