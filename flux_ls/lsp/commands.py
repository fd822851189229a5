"""The commands of `workspace/executeCommand`: a table of names, typed parameters and the questions behind them.

Each takes one object of named parameters and answers with the same data as `flux … --json`, plus `text`: the answer as
a Markdown document, for clients that show it, and `uri`: that document's address.
"""

import types as builtin
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

import attrs
from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from flux_ls.lsp.json_text import json_text

if TYPE_CHECKING:
    from flux_ls.lsp.server import FluxServer

NOT_FOUND = -32803
"""LSP's RequestFailed: the question was understood, and there is no answer."""


@attrs.frozen
class Nothing:
    """A command without parameters."""


@attrs.frozen
class WhichRequest:
    id: str
    """Its id, the first digits of it, or the service's own request id."""
    show: bool = False
    """Whether the server opens the answer in the editor, for clients that do nothing with it."""


@attrs.frozen
class TwoRequests:
    id: str
    """The first of the two."""
    other: str | None = None
    """The second; without it, the last good request of the same route."""
    show: bool = False


@attrs.frozen
class WhatToAsk:
    id: str
    send: bool = False
    """Whether the provider that the settings name is asked; otherwise nothing is sent."""
    show: bool = False


@attrs.frozen
class WhichRow:
    table: str
    id: str
    """Its primary key: `42`, or `order_id=7,position=2`, or JSON."""
    limit: int = 200
    show: bool = False


@attrs.frozen
class WhichRows:
    table: str
    id: str | None = None
    """The primary key of one row; without it, all rows of the table."""
    show: bool = False


@attrs.frozen
class WhichRequests:
    errors_only: bool = False
    fn: str | None = None
    service: str | None = None
    slow_ms: float | None = None
    since: str | None = None
    """How far back, such as `30m`, or a time."""
    before: str | None = None
    """Go on from there: what an answer called `earlier`, or the whole id of a request."""
    limit: int = 50
    patience_ms: float | None = None
    """How long to look for those that pass; `earlier` then says where it stopped."""
    show: bool = False


@attrs.frozen
class RequestsOf:
    fingerprint: str
    handled: bool = False
    """Those in which the error was dealt with."""
    limit: int = 20
    show: bool = False


@attrs.frozen
class Since:
    since: str | None = None
    show: bool = False


@attrs.frozen
class MaybeRequest:
    id: str | None = None
    show: bool = False


@attrs.frozen
class WhichReplays:
    """One request, several, or those of a time: one of the three."""

    id: str | None = None
    ids: tuple[str, ...] | None = None
    window: str | None = None
    """As the terminal takes it: `14:00-14:30`, or `30m`."""
    latest: bool = False
    """Tell the latest result, and run nothing."""
    show: bool = False


@attrs.frozen
class WhatToBisect:
    id: str | None = None
    """The failed request; without it, `run` says what is good."""
    good: str | None = None
    bad: str | None = None
    run: str | None = None
    """A command that says good by exit status 0, bad by 1 to 127, and skip by 125."""
    jobs: int = 1
    """So many revisions at once."""
    first_parent: bool = False
    """Follow only the first parent of merges."""
    timeout: float | None = None
    """Skip a revision that takes more seconds; 0 for no limit."""
    fresh: bool = False
    """Begin anew, where a search was stopped that would go on."""
    latest: bool = False
    """Tell the latest result, and run nothing."""
    show: bool = False


@attrs.frozen
class Group:
    fingerprint: str


@attrs.frozen
class Command:
    """One command; `flux_ls.lsp.questions` has a function of its name that answers it."""

    id: str
    title: str
    parameters: type
    runs_code: bool = False
    """Of the workspace, which has to be trusted."""

    @property
    def name(self) -> str:
        return self.id.rpartition(".")[2]


COMMANDS = (
    Command("flux.server.tail", "Recent requests", WhichRequests),
    Command("flux.server.samples", "The latest requests of an issue group", RequestsOf),
    Command("flux.server.why", "Why did this fail?", WhichRequest),
    Command("flux.server.trace", "The spans of a request", WhichRequest),
    Command("flux.server.debug", "A request step by step", WhichRequest),
    Command("flux.server.diff", "Two requests compared", TwoRequests),
    Command("flux.server.history", "What happened to a row", WhichRow),
    Command("flux.server.blame", "Who wrote what a row holds", WhichRows),
    Command("flux.server.replay", "Run it again", WhichReplays, runs_code=True),
    Command("flux.server.bisect", "Find the commit that broke it", WhatToBisect, runs_code=True),
    Command("flux.server.writeTest", "Create a regression test", WhichRequest),
    Command("flux.server.explain", "What a model would be asked", WhatToAsk),
    Command("flux.server.errors", "What fails", Since),
    Command("flux.server.doctor", "Why is nothing here?", MaybeRequest),
    Command("flux.server.dismiss", "Dismiss an issue group", Group),
    Command("flux.server.restore", "Restore a dismissed issue group", Group),
    Command("flux.server.status", "What is connected", Nothing),
)
_BY_ID = {command.id: command for command in COMMANDS}


async def execute(server: "FluxServer", params: types.ExecuteCommandParams) -> object:
    """The answer of a command, as plain data."""
    command = _BY_ID.get(params.command)
    if command is None:
        raise JsonRpcInvalidParams(f"there is no command {params.command!r}; there are {', '.join(_BY_ID)}")
    asked = read_parameters(command, params.arguments)
    session = await server.session()
    answer = await session.answer(command, asked, params.work_done_token)
    return _as_json_text(answer) if server.client.json_text and isinstance(answer, Mapping) else answer


def _as_json_text(answer: Mapping[str, object]) -> dict[str, object]:
    beside = {name: answer[name] for name in ("text", "uri") if name in answer}
    data = {name: value for name, value in answer.items() if name not in beside}
    return {"json": json_text(data), **beside}


async def document_text(server: "FluxServer", uri: str) -> str:
    """The text of a `flux:` document."""
    from flux_ls.lsp.addresses import question_of

    question = question_of(uri)
    if question is None:
        raise JsonRpcInvalidParams(f"{uri} is no document of Flux")
    name, given = question
    command = _BY_ID[f"flux.server.{name}"]
    answer = await (await server.session()).answer(command, read_parameters(command, [given]), None)
    assert isinstance(answer, Mapping)
    return str(answer["text"])


def read_parameters(command: Command, arguments: object) -> Any:
    """The parameters object of a command; InvalidParams that says what is wrong with it."""
    given: object = {}
    if isinstance(arguments, list | tuple) and arguments:
        if len(arguments) > 1:
            raise _wrong(command, f"got {len(arguments)} arguments")
        given = {} if arguments[0] is None else arguments[0]
    return read_object(command.parameters, given, lambda problem: _wrong(command, problem))


def read_object(kind: type, given: object, wrong: Callable[[str], JsonRpcException]) -> Any:
    """An object of named values as attrs class `kind`; names may be spelled in camelCase, null means not given."""
    if not isinstance(given, Mapping):
        raise wrong(f"got {_json_type(given)}")
    fields = {field.name: field for field in attrs.fields(kind)}
    values: dict[str, object] = {}
    for key, value in given.items():
        name = _snake(str(key))
        if name not in fields:
            raise wrong(f"there is no parameter {key!r}")
        if value is None:
            continue
        if _is_texts(fields[name].type):
            if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
                raise wrong(f"{key!r} must be a list of strings")
            values[name] = tuple(value)
            continue
        accepted = _accepted(fields[name].type)
        if (isinstance(value, bool) and bool not in accepted) or not isinstance(value, accepted):
            expected = _TYPE_NAMES[float] if float in accepted else _TYPE_NAMES[accepted[0]]
            raise wrong(f"{key!r} must be {expected}, not {_json_type(value)}")
        values[name] = value
    missing = [name for name, field in fields.items() if field.default is attrs.NOTHING and name not in values]
    if missing:
        raise wrong(f"{missing[0]!r} is missing")
    return kind(**values)


def _wrong(command: Command, problem: str) -> JsonRpcException:
    names = ", ".join(
        field.name if field.default is attrs.NOTHING else f"{field.name}?" for field in attrs.fields(command.parameters)
    )
    takes = f"one object with {{{names}}}" if names else "no parameters"
    return JsonRpcInvalidParams(f"{command.id}: {problem}; it takes {takes}")


_TYPE_NAMES: dict[type, str] = {str: "a string", bool: "true or false", int: "a whole number", float: "a number"}


def _accepted(annotation: object) -> tuple[type, ...]:
    kinds = get_args(annotation) if get_origin(annotation) in (Union, builtin.UnionType) else (annotation,)
    accepted = [kind for kind in kinds if isinstance(kind, type) and kind is not type(None)]
    return (*accepted, int) if float in accepted else tuple(accepted)


def _is_texts(annotation: object) -> bool:
    return tuple[str, ...] in (annotation, *get_args(annotation))


def _json_type(value: object) -> str:
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    return _TYPE_NAMES.get(type(value), type(value).__name__)


def _snake(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)
