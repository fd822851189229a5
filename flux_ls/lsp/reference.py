"""The page of protocol extensions, from the tables that dispatch: `python -m flux_ls.lsp.reference [CONTRIBUTING.md]`.

Without a file it prints; with one it renews what stands between `<!-- reference:extensions -->` and
`<!-- /reference:extensions -->`.
"""

import re
import sys
import types as builtin
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Union, get_args, get_origin

import attrs
from msgspec import Struct
from msgspec.structs import fields as struct_fields

from flux_ls.answers import shapes
from flux_ls.answers.diff import Diff
from flux_ls.bisect.shapes import Bisect
from flux_ls.lsp import addresses, commands, diagnostics, extensions, questions, rerunning, status, tail, trust

PARAMETERS: dict[str, type] = {
    extensions.STATUS: commands.Nothing,
    extensions.SUBSCRIBE_TAIL: tail.Subscribe,
    extensions.UNSUBSCRIBE_TAIL: tail.Unsubscribe,
    extensions.SUBSCRIBE_ERRORS: commands.Nothing,
    extensions.UNSUBSCRIBE_ERRORS: commands.Nothing,
    extensions.TRUST: trust.Trusted,
}
CARRIES: dict[tuple[str, str], tuple[str, ...]] = {
    (extensions.STATUS, "client"): status.Status.__struct_fields__,
    (extensions.STATUS, "server"): status.Status.__struct_fields__,
    (extensions.SUBSCRIBE_TAIL, "client"): ("id", "subscribed"),
    (extensions.UNSUBSCRIBE_TAIL, "client"): ("id", "subscribed"),
    (extensions.TAIL, "server"): ("id", "requests"),
    (extensions.SUBSCRIBE_ERRORS, "client"): ("subscribed",),
    (extensions.UNSUBSCRIBE_ERRORS, "client"): ("subscribed",),
    (extensions.ERRORS, "server"): (),
    (extensions.TRUST, "client"): (),
}
"""By method and sender: the fields of a request's result, or of a notification's parameters."""

RESULTS: dict[str, type[Struct]] = {
    "tail": questions.Tail,
    "samples": questions.Samples,
    "why": shapes.Why,
    "trace": shapes.Trace,
    "debug": shapes.Debug,
    "diff": Diff,
    "history": shapes.History,
    "blame": shapes.Blame,
    "bisect": Bisect,
    "replay": rerunning.ReplayInEditor,
    "writeTest": rerunning.WrittenTest,
    "explain": shapes.Explain,
    "errors": shapes.Errors,
    "doctor": shapes.Doctor,
    "dismiss": shapes.Dismissal,
    "restore": shapes.Dismissal,
    "status": status.Status,
}
"""By the name of a command; `uri` and `text` come with each."""


def page() -> str:
    parts = [
        _table(
            ("Message", "From", "Parameters", "Carries", "Meaning"),
            (
                (
                    f"`{each.method}` ({each.kind})",
                    each.sender,
                    _parameters(PARAMETERS[each.method]) if each.sender == "client" else "",
                    _names(CARRIES[each.method, each.sender]),
                    each.meaning,
                )
                for each in extensions.MESSAGES
            ),
        ),
        _table(
            ("Command", "Parameters", "Result, besides `uri` and `text`"),
            (
                (
                    f"`{command.id}`",
                    _parameters(command.parameters),
                    _names([field.encode_name for field in struct_fields(RESULTS[command.name])]),
                )
                for command in commands.COMMANDS
            ),
        ),
        _table(
            ("Document", "Is the answer of"),
            ((f"`{address}`", f"`flux.server.{name}`") for address, name in addresses.forms()),
        ),
        _table(
            ("In a diagnostic's `data`", "Meaning"),
            ((f"`{name}`", meaning) for name, meaning in diagnostics.DATA.items()),
        ),
    ]
    return "\n\n".join(parts)


def renewed(text: str) -> str:
    """A document with its marked part as it should be."""
    marked = re.compile(r"(<!-- reference:extensions -->\n).*?(<!-- /reference:extensions -->)", re.DOTALL)
    return marked.sub(lambda match: f"{match[1]}\n{page()}\n\n{match[2]}", text)


def _parameters(kind: type) -> str:
    return ", ".join(
        f"`{camel(field.name)}{'' if field.default is attrs.NOTHING else '?'}`: {_type_name(field.type)}"
        for field in attrs.fields(kind)
    )


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _type_name(annotation: object) -> str:
    if get_origin(annotation) in (Union, builtin.UnionType):
        return " or ".join(_type_name(each) for each in get_args(annotation) if each is not type(None))
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{each}`" for each in get_args(annotation))
    if get_origin(annotation) is tuple:
        return f"{_type_name(get_args(annotation)[0])}[]"
    return {str: "string", bool: "boolean", int: "integer", float: "number"}[annotation]  # type: ignore[index]


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def main() -> None:
    if len(sys.argv) > 1:
        file = Path(sys.argv[1])
        file.write_text(renewed(file.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        sys.stdout.write(page() + "\n")


if __name__ == "__main__":
    main()
