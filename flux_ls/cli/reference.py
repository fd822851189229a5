"""The reference of commands and settings as Markdown: `python -m flux_ls.cli.reference [README.md]`.

Without a file it prints; with one it renews the parts of the file between `<!-- reference:NAME -->` and
`<!-- /reference:NAME -->`.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from flux_ls import config
from flux_ls.cli.failures import EXIT_CODES
from flux_ls.cli.main import COMMANDS, cli
from flux_ls.cli.subcommands import CommandWithOthers

_EVERYWHERE = ("--json", "--store", "--help")
_SETTINGS = {option.name for option in config.OPTIONS}
_DEFAULTS = {"store": "`flux/flux.db` in the user's data folder", "retention_bytes": "`2GiB`"}


def commands() -> str:
    """Every command with its options; those that are the same everywhere once."""
    context = click.Context(cli, info_name="flux")
    parts = [_table(("Command", "What it does"), ((f"`flux {name}`", help) for name, help in COMMANDS.items()))]
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        parts += _described(name, command)
        if isinstance(command, CommandWithOthers):
            for other in command.subcommands:
                parts += _described(f"{name} {other}", command.get_subcommand(other))
    return "\n\n".join(parts)


def _described(name: str, command: click.Command) -> Iterator[str]:
    yield f"`{' '.join(('flux', name, *command.collect_usage_pieces(click.Context(command, info_name=name))))}`"
    if rows := list(_options(command)):
        yield _table(("Option", "Meaning"), rows)
    if flags := list(_setting_flags(command)):
        yield f"Settings as flags: {', '.join(flags)}."


def settings() -> str:
    """Every setting with its four names, its default and its meaning."""
    defaults = config.as_dict(config.Settings())
    rows = (
        (
            f"`{option.name}`, `{option.env}`, `{option.editor}`, `{option.flag}`",
            f"{option.help} Takes {option.accepts}.",
            _default(option.name, defaults[option.name]),
        )
        for option in config.OPTIONS
    )
    return _table(("Setting", "Meaning", "Default"), rows)


def exit_codes() -> str:
    return _table(("Code", "Meaning"), ((str(code), meaning) for code, meaning in EXIT_CODES.items()))


SECTIONS = {"commands": commands, "settings": settings, "exit-codes": exit_codes}


def renewed(text: str) -> str:
    """A document with its marked parts as they should be."""
    for name, section in SECTIONS.items():
        marked = re.compile(rf"(<!-- reference:{name} -->\n).*?(<!-- /reference:{name} -->)", re.DOTALL)
        text = marked.sub(lambda match, section=section: f"{match[1]}\n{section()}\n\n{match[2]}", text)  # type: ignore[misc]
    return text


def _options(command: click.Command) -> Iterator[tuple[str, str]]:
    context = click.Context(command, info_name=command.name)
    for option in _own(command):
        record = option.get_help_record(context)
        if option.name not in _SETTINGS and record is not None:
            yield f"`{record[0].strip()}`", option.help or ""


def _setting_flags(command: click.Command) -> Iterator[str]:
    return (f"`{option.opts[0]}`" for option in _own(command) if option.name in _SETTINGS)


def _own(command: click.Command) -> Iterator[click.Option]:
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not set(parameter.opts) & set(_EVERYWHERE):
            yield parameter


def _default(name: str, value: object) -> str:
    if name in _DEFAULTS:
        return _DEFAULTS[name]
    if isinstance(value, float):
        return f"`{value:g}`"
    return "none" if value in ([], "") else f"`{str(value).lower()}`"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        file = Path(sys.argv[1])
        file.write_text(renewed(file.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        click.echo("\n\n".join(section() for section in SECTIONS.values()))
