"""`flux mcp`: the questions of the terminal for agents, over the Model Context Protocol."""

import importlib.util
import os
import sys
from pathlib import Path

import click

from flux_ls import config
from flux_ls.cli.failures import OK
from flux_ls.cli.options import Session, command_options, project_root

EPILOG = """\b
Examples:
  claude mcp add flux -- flux mcp
  claude mcp add flux -- flux mcp --allow-replay --allow-bisect
  flux mcp --project ~/code/shop

\b
It speaks the Model Context Protocol on standard input and output, and listens
nowhere. An agent's settings name it as the command `flux` with the argument
`mcp`; the README shows how.
"""
MISSING = "'flux mcp' needs the Model Context Protocol's package: pip install 'flux-ls[mcp]'"


@click.command(epilog=EPILOG)
@click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="The project that is asked about; the current folder if not given.",
)
@click.option("--allow-replay", is_flag=True, help="Let agents run recorded requests again, with side effects off.")
@click.option("--allow-bisect", is_flag=True, help="Let agents bisect by a recorded request, and ask for a command.")
@click.option("--allow-run", is_flag=True, help="Let agents bisect by any command, without asking for each.")
@command_options("path_map", "in_app_include", "in_app_exclude", "redact_keys", "python", "app")
def command(session: Session, project: Path | None, allow_replay: bool, allow_bisect: bool, allow_run: bool) -> int:
    """Answer agents over the Model Context Protocol.

    Agents get tail, why, trace, diff, history, blame, errors, explain and doctor. What runs code of the project, replay
    and bisect, they get only with the flags: no file of the project can allow it.
    """
    if allow_run and not allow_bisect:
        raise click.UsageError("--allow-run is about the commands of a bisect: give --allow-bisect as well")
    if importlib.util.find_spec("mcp") is None:
        raise click.UsageError(MISSING)
    from flux_ls.mcp.desk import Allowed, Desk, Job
    from flux_ls.mcp.server import serve

    here = (project or Path.cwd()).resolve()
    root = project_root(here)

    def open_desk(job: Job) -> Desk:
        def load(folder: Path) -> config.Loaded:
            return config.load(root, os.environ, flags=session.flags, inside=folder)

        return Desk(root, here, load, job)

    if sys.stdin.isatty():
        session.warn("it waits for an agent on standard input: see 'flux mcp --help'; Ctrl-C ends it")
    serve(here, open_desk, Allowed(replay=allow_replay, bisect=allow_bisect, run=allow_run))
    return OK
