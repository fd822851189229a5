"""`flux demo`: a playground that a newcomer can break and mend in two minutes."""

from pathlib import Path

import click

from flux_ls.cli.failures import OK, UNREACHABLE, WRONG_USE, complain
from flux_ls.cli.terminal import Terminal

EPILOG = """\b
Examples:
  flux demo
  flux demo ~/playground
"""


@click.command(epilog=EPILOG)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path("flux-demo"))
def command(folder: Path) -> int:
    """Make a playground, break it, and show what Flux makes of it.

    A small service with a history runs under the OpenTelemetry SDK and fails; the tail, the why and the source line as
    the editor gets it are printed. FOLDER (flux-demo) is made if need be; run it again after you have mended the line.
    """
    from flux_ls.demo.client import ServerSilent
    from flux_ls.demo.play import play
    from flux_ls.demo.project import NotAPlayground
    from flux_ls.demo.service import ServiceFailed

    terminal = Terminal()

    def say(text: str) -> None:
        terminal.say(text)
        terminal.flush()

    try:
        play(folder, say, colour=terminal.color)
    except NotAPlayground as error:
        complain(str(error))
        return WRONG_USE
    except (ServiceFailed, ServerSilent) as error:
        complain(str(error))
        return UNREACHABLE
    return OK
