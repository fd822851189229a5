"""`flux state`: what requests did to the rows of the database; below it, the history of a row and who wrote it."""

from typing import ClassVar

import click

from flux_ls.cli.options import Session, command_options
from flux_ls.cli.subcommands import Others

EPILOG = """\b
Examples:
  flux state history users --id 42
  flux state blame users --id 42
"""


class StateCommand(Others):
    subcommands: ClassVar = {
        "history": ("state_history", "Show every recorded change of a row."),
        "blame": ("state_blame", "Say who wrote what a row holds."),
    }


@click.command(cls=StateCommand, epilog=EPILOG)
@command_options()
def command(_session: Session) -> int:
    """Ask which requests changed a row of the database."""
    raise AssertionError("it has no answer of its own")
