"""What the language server publishes for a file of the playground."""

from pathlib import Path
from typing import NamedTuple

from flux_ls.demo.client import LanguageClient


class Hint(NamedTuple):
    """A diagnostic; line is 0-based, columns are code points."""

    line: int
    start: int
    end: int
    message: str


def published_hints(command: list[str], folder: Path, file: Path, environment: dict[str, str]) -> list[Hint]:
    """The first diagnostics that the server publishes for the file. Raises ServerSilent."""
    client = LanguageClient(command, folder, environment)
    try:
        client.initialize()
        found = client.diagnostics(client.open(file))
        client.shut_down()
    finally:
        client.kill()
    return [
        Hint(
            one["range"]["start"]["line"],
            one["range"]["start"]["character"],
            one["range"]["end"]["character"],
            one["message"],
        )
        for one in found
    ]
