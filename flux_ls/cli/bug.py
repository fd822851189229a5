"""`flux bug`: where a failure came from; below it, the commit that broke it."""

from typing import ClassVar

import click

from flux_ls.cli.options import Session, command_options
from flux_ls.cli.subcommands import Others

EPILOG = """\b
Examples:
  flux bug bisect 550e --good v1.4
  flux bug bisect --good v1.4 --run 'pytest -x tests/test_signup.py'
"""


class BugCommand(Others):
    subcommands: ClassVar = {
        "bisect": ("bug_bisect", "Find the commit that broke it."),
    }


@click.command(cls=BugCommand, epilog=EPILOG)
@command_options()
def command(_session: Session) -> int:
    """Find out which commit broke something."""
    raise AssertionError("it has no answer of its own")
