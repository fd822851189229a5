"""`flux incident`: what went wrong in a while, run again; below it, the replay."""

from typing import ClassVar

import click

from flux_ls.cli.options import Session, command_options
from flux_ls.cli.subcommands import Others

EPILOG = """\b
Examples:
  flux incident replay 550e8400
  flux incident replay --window 14:00-14:30
"""


class IncidentCommand(Others):
    subcommands: ClassVar = {
        "replay": ("incident_replay", "Run recorded requests again, with their side effects off."),
    }


@click.command(cls=IncidentCommand, epilog=EPILOG)
@command_options()
def command(_session: Session) -> int:
    """Run recorded requests again, against today's code."""
    raise AssertionError("it has no answer of its own")
