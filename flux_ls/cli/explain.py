"""`flux explain`: the analysis that a model would be asked for, and, when told to, is asked for."""

import os
from functools import partial

import click
from msgspec.structs import replace

from flux_ls.answers.explain import explain
from flux_ls.answers.shapes import Explain
from flux_ls.answers.words import counted
from flux_ls.cli.completing import complete_id
from flux_ls.cli.failures import UNREACHABLE
from flux_ls.cli.options import Session, command_options, for_each
from flux_ls.cli.terminal import Terminal, plain, plain_lines
from flux_ls.config import Rejected, read_size, together
from flux_ls.explain.prompt import DEFAULT_BYTES, LEAST_BYTES, MOST_BYTES
from flux_ls.explain.providers import NoAnswer, NotConfigured, Provider, ask, configured
from flux_ls.record import redaction

EPILOG = """\b
Examples:
  flux explain 550e8400         show what would be sent, and send nothing
  flux explain 550e8400 --send  ask the model that the settings name
  flux explain 550e --bytes 8KiB --json

\b
Keys come from ANTHROPIC_API_KEY or OPENAI_API_KEY in the environment.
"""
_MOST_LINES = 10_000


class Size(click.ParamType[int]):
    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            size = read_size(value)
        except Rejected:
            size = 0
        if not LEAST_BYTES <= size <= MOST_BYTES:
            self.fail(f"{value!r}: it takes a size from 2 KiB to 1 MiB, such as 24KiB", param, ctx)
        return size


class Unanswered(click.ClickException):
    """The provider did not answer."""

    exit_code = UNREACHABLE


@click.command(epilog=EPILOG)
@click.argument("ids", nargs=-1, required=True, metavar="ID...", shell_complete=complete_id)
@click.option("--send", is_flag=True, help="Send the prompt to the provider that the settings name.")
@click.option(
    "--bytes",
    "limit",
    type=Size(),
    default=DEFAULT_BYTES,
    show_default="24KiB",
    metavar="SIZE",
    help="How long the prompt may be; what does not fit is left out and listed.",
)
@command_options(
    "path_map",
    "in_app_include",
    "in_app_exclude",
    "redact_keys",
    "explain_provider",
    "explain_model",
    "explain_url",
)
def command(session: Session, ids: tuple[str, ...], send: bool, limit: int) -> int:
    """Show what a model would be asked about a request.

    Nothing is sent without --send: the exact prompt is printed, secrets taken out, with its size and what was left
    out. With --send the same bytes go to the provider, and its answer is printed.
    """
    settings = session.settings
    redaction.configure(together("redact_keys", settings, session.below))
    provider = None
    if send:
        try:
            provider = configured(settings.explain_provider, settings.explain_model, settings.explain_url, os.environ)
        except NotConfigured as error:
            raise click.UsageError(str(error)) from None
    with session.reader() as reader:
        return for_each(
            session,
            ids,
            lambda id: _answered(explain(reader, session.workspace, id, limit), provider),
            partial(show, session.terminal),
        )


def _answered(answer: Explain, provider: Provider | None) -> Explain:
    if provider is None:
        return answer
    try:
        return replace(answer, sent=True, answer=ask(provider, answer.prompt))
    except NotConfigured as error:
        raise click.UsageError(str(error)) from None
    except NoAnswer as error:
        raise Unanswered(str(error)) from None


def show(terminal: Terminal, answer: Explain) -> None:
    if answer.sent:
        for line in plain_lines(answer.answer or "", limit=_MOST_LINES):
            terminal.say(line)
    else:
        # What is printed is what is sent: the prompt holds nothing that a terminal would act on.
        terminal.say(answer.prompt.removesuffix("\n"))
    terminal.say()
    what = "were sent" if answer.sent else "would be sent"
    terminal.say(terminal.paint(f"{answer.bytes:,} bytes {what}", "title"))
    if answer.omitted:
        terminal.say(f"left out: {counted(len(answer.omitted), 'thing')}")
    for omitted in answer.omitted:
        terminal.say(f"  {plain(omitted.what)}: {plain(omitted.reason)}")
    if not answer.sent:
        terminal.say(terminal.paint("Nothing was sent: --send does.", "dim"))
