"""The options that commands share, and the session that they make: settings, store, workspace, output."""

import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec
from click.shell_completion import CompletionItem
from msgspec import Struct

from flux_ls import config
from flux_ls.cli.terminal import Terminal
from flux_ls.config import Below, Loaded, Option, Place, Rejected, Settings, together, with_settings

if TYPE_CHECKING:
    from flux_ls.model import Frame, Request
    from flux_ls.otlp.stacktrace import InAppRule
    from flux_ls.replay.projects import Projects
    from flux_ls.source.workspace import Workspace
    from flux_ls.store.reader import Reader

LISTS = ("path_map", "in_app_include", "in_app_exclude", "redact_keys", "replay_allow")
SWITCHES = ("collector", "show_handled", "traffic_lens", "inlay_hints", "record_row_reads")
METAVARS = {
    "store": "PATH",
    "otlp_http_port": "PORT",
    "otlp_grpc_port": "PORT",
    "path_map": "RECORDED=LOCAL",
    "in_app_include": "PREFIX",
    "in_app_exclude": "PREFIX",
    "retention_days": "DAYS",
    "retention_bytes": "SIZE",
    "idle_exit": "SECONDS",
    "hints_per_file": "COUNT",
    "functions": "PATTERN",
    "record_rate": "SHARE",
    "record_value_bytes": "SIZE",
    "record_span_bytes": "SIZE",
    "record_calls": "COUNT",
    "python": "PATH",
    "app": "MODULE:NAME",
    "replay_allow": "SERVICE",
    "redact_keys": "WORD",
    "explain_provider": "NAME",
    "explain_model": "MODEL",
    "explain_url": "URL",
}


class Session:
    """What a command works with."""

    def __init__(
        self, root: Path, here: Path, loaded: Loaded, *, as_json: bool, flags: Mapping[str, object] | None = None
    ) -> None:
        self.root = root
        self.here = here
        """The folder that one is in, at or below `root`."""
        self.loaded = loaded
        self.flags = flags or {}
        """The settings that were given as flags, for who loads settings again."""
        self.as_json = as_json
        self.terminal = Terminal()
        self._warned: set[str] = set()

    @property
    def settings(self) -> Settings:
        return self.loaded.settings

    @cached_property
    def rule(self) -> "InAppRule":
        from flux_ls.otlp.stacktrace import InAppRule

        return InAppRule(include=self.settings.in_app_include, exclude=self.settings.in_app_exclude)

    @cached_property
    def workspace(self) -> "Workspace":
        from flux_ls.source.workspace import Workspace

        return Workspace([self.root], self.path_map, others=self._recorded)

    @property
    def path_map(self) -> tuple[str, ...]:
        """Those of the folder that one is in, and of the projects below the root."""
        return together("path_map", self.settings, self.below)

    @cached_property
    def below(self) -> tuple[Below, ...]:
        """The projects below the root that have settings of their own."""
        return tuple(Below(folder, self.load(folder)) for folder in with_settings(self.root))

    def load(self, folder: Path) -> Loaded:
        """The settings that are nearest to a folder of the root; what is wrong in them is said once."""
        loaded = config.load(self.root, os.environ, flags=self.flags, inside=folder)
        self.warn(*loaded.warnings)
        return loaded

    @cached_property
    def projects(self) -> "Projects":
        from flux_ls.replay.projects import Projects

        return Projects(folders=(self.root,), load=self.load, environ=os.environ, here=self.here)

    def _recorded(self) -> "list[Frame]":
        """What the store has of other failures: their files may say where one is that does not tell by itself."""
        from flux_ls.answers.frames import recorded_frames
        from flux_ls.store.errors import StoreError

        try:
            with self.reader() as reader:
                return recorded_frames(reader)
        except StoreError:
            return []

    def reader(self) -> "Reader":
        """A new connection to the store. Raises a StoreError."""
        from flux_ls.store.reader import Reader

        return Reader(self.settings.store, self.rule)

    def warn(self, *lines: str) -> None:
        """Each line once."""
        for line in lines:
            if line not in self._warned:
                self._warned.add(line)
                click.echo(f"flux: {line}", err=True)


A = TypeVar("A", bound=Struct)


def answer_each(
    session: Session,
    ids: Iterable[str],
    ask: Callable[["Reader", "Workspace", str], A],
    show: Callable[[A], None],
) -> int:
    """Answers for each id, one line of JSON or one text each; the exit code is the worst of them."""
    with session.reader() as reader:
        return for_each(session, ids, lambda id: ask(reader, session.workspace, id), show)


def for_each(
    session: Session,
    ids: Iterable[str],
    ask: Callable[[str], A],
    show: Callable[[A], None],
    judge: Callable[[A], int] = lambda _: 0,
) -> int:
    """Like `answer_each`, for questions that open the store themselves; `judge` gives an answer's exit code."""
    from flux_ls.answers.shapes import to_json
    from flux_ls.cli.failures import of_request, report
    from flux_ls.store.errors import AmbiguousRequest, BadRequestId, RequestNotFound

    worst = 0
    for id in given_ids(ids):
        try:
            answer = ask(id)
        except (AmbiguousRequest, BadRequestId, RequestNotFound) as error:
            report(error)
            worst = max(worst, of_request(error))
            continue
        if session.as_json:
            session.terminal.json(to_json(answer))
        else:
            show(answer)
        session.terminal.flush()
        worst = max(worst, judge(answer))
    return worst


def requests_named(reader: "Reader", ids: Iterable[str]) -> tuple[list["Request"], int]:
    """The requests of the ids, each once; and the exit code for those that name none, which is said."""
    from flux_ls.cli.failures import of_request, report
    from flux_ls.store.errors import AmbiguousRequest, BadRequestId, RequestNotFound

    found: dict[str, Request] = {}
    worst = 0
    for id in given_ids(ids):
        try:
            request = reader.resolve(id)
        except (AmbiguousRequest, BadRequestId, RequestNotFound) as error:
            report(error)
            worst = max(worst, of_request(error))
        else:
            found.setdefault(request.id, request)
    return list(found.values()), worst


def given_ids(ids: Iterable[str]) -> Iterator[str]:
    """The ids, with those on standard input in the place of `-`; lines of `flux tail --json` do as well."""
    for id in ids:
        if id != "-":
            yield id
            continue
        for line in sys.stdin:
            if line.lstrip().startswith("{"):
                try:
                    yield msgspec.json.decode(line, type=_Identified).id
                except msgspec.MsgspecError:
                    raise click.UsageError("standard input has a line of JSON without an `id`") from None
            else:
                yield from line.split()


class _Identified(Struct):
    id: str


ROOT_MARKS = (".git", "pyproject.toml", "package.json", "go.mod")
"""What tells the root of a project, likeliest first; the editors' own lists are the same."""


def project_root(start: Path) -> Path:
    """The checkout around a folder, else the nearest project in it, else the folder."""
    for mark in ROOT_MARKS:
        for folder in (start, *start.parents):
            if (folder / mark).exists():
                return folder
    return start


class SettingType(click.ParamType[Any]):
    """A setting's value, refused at once where the other layers would warn and go on."""

    def __init__(self, option: Option) -> None:
        self.option = option
        self.name = METAVARS[option.name]

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            self.option.read(value, Place("flag", Path.cwd()))
        except Rejected as error:
            self.fail(f"{value!r}: it takes {self.option.accepts}{f' ({error})' if str(error) else ''}", param, ctx)
        return value

    def shell_complete(self, _ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(incomplete, type="file")] if self.option.name == "store" else []


def setting_option(option: Option) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The setting as a flag; not given, it is None."""
    shown = f"{option.help} [{option.env}]"
    if option.name in SWITCHES:
        both = f"{option.flag}/--no-{option.flag.removeprefix('--')}"
        return click.option(both, option.name, default=None, help=shown)
    return click.option(
        option.flag,
        option.name,
        type=SettingType(option),
        multiple=option.name in LISTS,
        metavar=METAVARS[option.name],
        help=shown,
    )


def command_options(*names: str) -> Callable[[Callable[..., int | None]], Callable[..., int | None]]:
    """Gives a command its session as first argument, with --json, --store and flags for the named settings."""
    options = [option for option in config.OPTIONS if option.name in ("store", *names)]

    def decorate(command: Callable[..., int | None]) -> Callable[..., int | None]:
        @functools.wraps(command)
        def run(*, as_json: bool, **params: Any) -> int | None:
            flags = {option.name: params.pop(option.name) for option in options}
            given = {name: value for name, value in flags.items() if value is not None and value != ()}
            here = Path.cwd()
            root = project_root(here)
            loaded = config.load(root, os.environ, flags=given, inside=here)
            session = Session(root, here, loaded, as_json=as_json, flags=given)
            session.warn(*session.loaded.warnings)
            return command(session, **params)

        decorated: Callable[..., int | None] = run
        for option in reversed(options):
            decorated = setting_option(option)(decorated)
        return click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")(decorated)

    return decorate
