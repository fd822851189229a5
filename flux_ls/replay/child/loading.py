"""Importing the application: `pkg.mod:app`, a factory, a Django project; and which interface it speaks."""

import importlib
import inspect
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from flux_ls.replay.child.finding import Candidate, NotFound, candidates, django_settings, find, is_project
from flux_ls.replay.child.main_module import read_call
from flux_ls.replay.child.started import Start, application_of, settings_of

Interface = Literal["wsgi", "asgi"]
_FLASK = re.compile(rb"^\s*(?:from|import)\s+flask\b", re.M)


class NoApplication(Exception):
    """What was named is not there, or is none."""


class Search:
    """For the application of a request, by the files of its project as they were at first."""

    def __init__(self, root: str, app: str) -> None:
        self._root, self._app = root, app
        self._environ = dict(os.environ)
        self._known: list[Candidate] | None = None
        self._chosen: Candidate | None = None
        self._found: dict[tuple[Start | str, ...], Candidate] = {}

    def choose(self, seen: list[str], start: dict[str, Any] | None) -> Candidate:
        """`start`: what the trace tells of how its process was started. Raises NotFound."""
        self._chosen = self._find(seen, start)
        return self._chosen

    def is_chosen(self, seen: list[str], start: dict[str, Any] | None) -> bool:
        """Whether the one that was chosen is the application of this request, too."""
        try:
            return self._find(seen, start) == self._chosen
        except NotFound:
            return self._chosen is None

    def _find(self, seen: list[str], start: dict[str, Any] | None) -> Candidate:
        told = Start.of(start)
        if (told, *seen) not in self._found:
            self._found[told, *seen] = replace(self._looked_for(seen, told), settings=settings_of(self._root, told))
        return self._found[told, *seen]

    def _looked_for(self, seen: list[str], start: Start) -> Candidate:
        if self._app:
            return Candidate(self._app, self._root, "", 0, is_factory=False)
        if not self._environ.get("FLASK_APP") and (found := application_of(self._root, start)) is not None:
            return found
        if self._known is None:
            self._known = list(candidates(self._root))
        return find(self._root, seen, self._environ, self._known)


def load(root: str, candidate: Candidate) -> tuple[Any, Interface]:
    """The application, and its interface. Raises what its import raises."""
    for folder in (os.path.join(root, "src"), root, candidate.folder):
        if os.path.isdir(folder) and folder not in sys.path:
            sys.path.insert(0, folder)
    home = _home(root, Path(candidate.folder))
    os.chdir(home)
    if not os.environ.get("DJANGO_SETTINGS_MODULE") and (settings := candidate.settings or django_settings(home)):
        os.environ["DJANGO_SETTINGS_MODULE"] = settings
    if candidate.by_flask or _is_flask_s(candidate):
        _read_dotenv()
    if candidate.own:
        _check_own(candidate)
    found = _by_flask(candidate.target) if candidate.by_flask else _imported(candidate)
    if not callable(found):
        raise NoApplication(f"{candidate.target} is no application: a {type(found).__name__} cannot be called")
    return found, interface_of(found)


def _check_own(candidate: Candidate) -> None:
    """A trace names no module but of the project's own, whatever else is importable by that name."""
    module = importlib.import_module(candidate.target.partition(":")[0])
    if os.path.realpath(getattr(module, "__file__", None) or "") != os.path.realpath(candidate.own):
        raise NoApplication(f"{candidate.target} is imported from elsewhere than {candidate.file}")


def _imported(candidate: Candidate) -> Any:
    name, _, attribute = candidate.target.partition(":")
    module = importlib.import_module(name.replace("/", ".").removesuffix(".py"))
    if not attribute:
        attribute = next(
            (each for each in ("app", "application", "create_app", "make_app") if hasattr(module, each)), ""
        )
    call = read_call(attribute)
    if call is None:
        raise NoApplication(f"{candidate.target}: there is no {attribute or 'application'} in {name}")
    found: Any = module
    for part in call.name.split("."):
        if not hasattr(found, part):
            raise NoApplication(f"{candidate.target}: there is no {part} in {name}")
        found = getattr(found, part)
    if call.is_call or candidate.is_factory or (inspect.isfunction(found) and _is_factory(found)):
        return found(*call.args, **dict(call.keywords))
    return found


def _by_flask(target: str) -> Any:
    """What `flask run` would serve."""
    from flask.cli import NoAppException, ScriptInfo

    try:
        return ScriptInfo(app_import_path=target).load_app()
    except NoAppException as error:
        if isinstance(error.__context__, ImportError):
            raise error.__context__ from None
        raise NoApplication(f"FLASK_APP is {target}: {error}") from None


def _is_flask_s(candidate: Candidate) -> bool:
    """Whether the module of an application is about Flask: then `flask run` is how it is started, most likely."""
    base = Path(candidate.folder, *candidate.target.partition(":")[0].split("."))
    for file in (base.with_suffix(".py"), base / "__init__.py"):
        try:
            return _FLASK.search(file.read_bytes()) is not None
        except OSError:
            continue
    return False


def _read_dotenv() -> None:
    """`.env` and `.flaskenv`, as `flask run` reads them: where python-dotenv is installed, and nothing twice."""
    if os.environ.get("FLASK_SKIP_DOTENV", "").lower() in ("", "0", "false", "no"):
        from flask.cli import load_dotenv

        load_dotenv()


def _home(root: str, folder: Path) -> Path:
    """The folder that the application is started in: its project's, if that is below the root."""
    while folder != Path(root) and not is_project(folder) and Path(root) in folder.parents:
        folder = folder.parent
    return folder


def _is_factory(function: Any) -> bool:
    """A function that takes nothing cannot answer requests, so it makes what does."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    return all(
        each.default is not each.empty or each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in parameters
    )


def interface_of(app: Any) -> Interface:
    """ASGI applications are called with three arguments, and awaited."""
    call = app if inspect.isfunction(app) or inspect.ismethod(app) else getattr(app, "__call__", app)  # noqa: B004
    while hasattr(call, "__wrapped__"):
        call = call.__wrapped__
    return "asgi" if inspect.iscoroutinefunction(call) else "wsgi"


__all__ = ["Candidate", "Interface", "NoApplication", "NotFound", "Search", "interface_of", "load"]
