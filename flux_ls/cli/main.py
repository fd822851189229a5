"""The entry of `flux`: which commands there are, each imported when it is asked for, and how errors end."""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click
from click.shell_completion import CompletionItem

COMMANDS = {
    "serve": "Run the collector: receive OTLP and keep it.",
    "run": "Run a Python program and record what its requests do.",
    "tail": "Show every request as it finishes.",
    "why": "Say why a request failed, and on which line.",
    "trace": "Show the spans of a request as a tree.",
    "state": "Ask which requests changed a row of the database.",
    "incident": "Run recorded requests again, against today's code.",
    "bug": "Find out which commit broke something.",
    "explain": "Show what a model would be asked about a request.",
    "errors": "List what fails, how often and since when.",
    "doctor": "Find out why something does not show up.",
    "mcp": "Answer agents over the Model Context Protocol.",
    "config": "Show the settings in force and where each came from.",
    "prune": "Remove old requests from the store.",
    "demo": "Make a playground, break it, and show what Flux makes of it.",
    "completion": "Print the completion script of a shell.",
}
"""Each with the short help of its module, so that the list costs no import."""

BELOW = {
    "debug": "trace debug",
    "diff": "trace diff",
    "history": "state history",
    "blame": "state blame",
    "replay": "incident replay",
    "bisect": "bug bisect",
}
"""What editors and agents call by one word."""

EPILOG = """\b
Examples:
  flux tail                     requests as they finish
  flux tail --errors-only --since 30m
  flux why 550e                 the root cause, by the start of a request's id
  flux tail --errors-only --since 1h --no-follow --json | flux why - --json
  flux doctor                   why is nothing here?

\b
Exit codes:
  0 ok, 1 bad news (a broken link, a replay that fails), 2 wrong use, 3 not found,
  4 an id that fits several requests, 5 store or collector out of reach
"""


class ReaderLeft(Exception):
    """Nobody reads what the command prints any more."""


class LazyGroup(click.Group):
    """Commands by name; a command's module is imported only when it runs."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"flux_ls.cli.{name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS and not ctx.resilient_parsing:
            meant = _meant(args[0])
            ctx.fail(f"No such command {args[0]!r}." + (f" Did you mean 'flux {meant}'?" if meant else ""))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        # Click would end these two in its own way: with 1, and with an empty line.
        from flux_ls.cli.failures import INTERRUPTED

        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise ReaderLeft from None
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [CompletionItem(name, help=help) for name, help in COMMANDS.items() if name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)


def _meant(word: str) -> str | None:
    from difflib import get_close_matches

    names = {name: name for name in COMMANDS} | BELOW
    (found,) = get_close_matches(word.lower(), names, 1, 0.6) or [""]
    return names.get(found)


@click.command(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="flux-ls", prog_name="flux")
def cli() -> None:
    """The failure, on the line that caused it.

    Flux receives the OpenTelemetry traces of your services, finds the root cause of what failed and shows it on the
    line of today's code that is responsible. ID is a request's id or its first 4 or more digits, as `flux tail`
    shows them (req:550e8400), or the service's own request id; `-` reads ids from standard input.
    """


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Runs a command and ends the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal without Unicode gets escapes, not a crash.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(run(argv))


def run(argv: Sequence[str] | None = None) -> int:
    """Runs a command and gives its exit code; prints every error a user can meet."""
    from flux_ls.cli import failures

    try:
        code = cli.main(argv, prog_name="flux", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else failures.OK
    except click.UsageError as error:
        failures.complain(error.format_message())
        if error.ctx is not None:
            click.echo(f"Try '{error.ctx.command_path} --help'.", err=True)
        return failures.WRONG_USE
    except click.ClickException as error:
        failures.complain(error.format_message())
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return failures.INTERRUPTED
    except (ReaderLeft, BrokenPipeError):
        # Python flushes at exit: into nothing, or it would complain after all.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return failures.BROKEN_PIPE
    except Exception as error:
        expected = failures.exit_code(error)
        if expected is None:
            raise
        failures.report(error)
        return expected
