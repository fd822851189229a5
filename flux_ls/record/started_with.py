"""How this process was started, as far as it tells which application it serves: for who runs a request of it again."""

import os
import sys

from flux_ls.record.guard import tell
from flux_ls.record.redaction import redact_text
from flux_ls.record.servers.command import command_of, this_command
from flux_ls.record.wire import COMMAND, DJANGO_SETTINGS, FLASK_APP, WORKING_FOLDER

_VARIABLES = {"FLASK_APP": FLASK_APP, "DJANGO_SETTINGS_MODULE": DJANGO_SETTINGS}


class StartedWith:
    """The folder is that of the start; the command and the variables are looked at when they are first told."""

    def __init__(self) -> None:
        try:
            self._folder = os.getcwd()  # noqa: PTH109
        except OSError:
            self._folder = ""

    def attributes(self) -> dict[str, object]:
        found: dict[str, object] = {}
        try:
            # A worker that multiprocessing has started has the arguments of the program that started it.
            command = this_command() or command_of([sys.executable, *sys.argv])
            if command is not None:
                found[COMMAND] = list(command.words)
            if self._folder:
                found[WORKING_FOLDER] = redact_text(self._folder)
            # A framework may have read them from its files meanwhile.
            found.update((name, redact_text(told)) for key, name in _VARIABLES.items() if (told := os.environ.get(key)))
        except Exception as error:
            tell("looking how the process was started", error)
        return found
