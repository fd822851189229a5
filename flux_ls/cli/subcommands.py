"""Commands with others below them: `flux trace ID` beside `flux trace debug ID`, `flux state history`.

A subcommand's module is imported only when it runs, and each shares the options of all commands.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import click
from click.shell_completion import CompletionItem

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def or_subcommand(complete: Complete) -> Complete:
    """Completes a command's first argument with the names of its subcommands, too."""

    def both(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        others: list[CompletionItem] = []
        if isinstance(ctx.command, CommandWithOthers) and not ctx.params.get(parameter.name or ""):
            others = ctx.command.completions(incomplete)
        return others + complete(ctx, parameter, incomplete)

    return both


class CommandWithOthers(click.Command):
    """A command of its own whose first word may also name another one.

    What looks like a subcommand and is meant as something else goes behind `--`.
    """

    subcommands: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """By name: the module, and the short help that its command has."""

    def get_subcommand(self, name: str) -> click.Command:
        module, _ = self.subcommands[name]
        command: click.Command = importlib.import_module(f"flux_ls.cli.{module}").command
        return command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        at = self._position(args)
        if at is None:
            return super().make_context(info_name, args, parent, **extra)
        name, rest = args[at], args[:at] + args[at + 1 :]
        return self.get_subcommand(name).make_context(f"{info_name} {name}", rest, parent, **extra)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        with formatter.section("Commands"):
            formatter.write_dl([(name, help) for name, (_, help) in self.subcommands.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        return self.completions(incomplete) + super().shell_complete(ctx, incomplete)

    def completions(self, incomplete: str) -> list[CompletionItem]:
        return [
            CompletionItem(name, help=help)
            for name, (_, help) in self.subcommands.items()
            if name.startswith(incomplete)
        ]

    def _position(self, args: Sequence[str]) -> int | None:
        """Where the subcommand is: the first word that is no option and no option's value."""
        takes_value = {
            name
            for option in self.params
            if isinstance(option, click.Option) and not option.is_flag
            for name in option.opts
        }
        at = 0
        while at < len(args) and args[at].startswith("-") and args[at] not in ("-", "--"):
            at += 2 if args[at] in takes_value else 1
        return at if at < len(args) and args[at] in self.subcommands else None


class Others(CommandWithOthers):
    """A name that does nothing by itself."""

    def collect_usage_pieces(self, _ctx: click.Context) -> list[str]:
        return ["COMMAND", "[OPTIONS]", "ARGS..."]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        word = next((arg for arg in args if not arg.startswith("-")), None)
        if word is not None and not ctx.resilient_parsing:
            ctx.fail(f"No such command {word!r}: it takes {' or '.join(self.subcommands)}.")
        rest = super().parse_args(ctx, args)
        if not ctx.resilient_parsing:
            ctx.fail(f"Missing command: it takes {' or '.join(self.subcommands)}.")
        return rest
