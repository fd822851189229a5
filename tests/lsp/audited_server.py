"""flux-ls that keeps a record of every file, database, process and connection it opens, and in which thread."""

import sys
import threading
from typing import Any

from flux_ls.lsp import commands, main, questions
from flux_ls.lsp.commands import Command
from flux_ls.lsp.jobs import Job

WATCHED = (
    "open",
    "os.listdir",
    "os.scandir",
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "shutil.rmtree",
    "socket.connect",
    "sqlite3.connect",
    "subprocess.Popen",
    "tempfile.mkdtemp",
)

record: list[dict[str, Any]] = []
loop_thread = threading.get_ident()


def audit(event: str, arguments: tuple[object, ...]) -> None:
    if event in WATCHED:
        what = ascii(arguments[:1])[:200]
        record.append({"event": event, "what": what, "loop": threading.get_ident() == loop_thread})


def _record(asked: commands.Nothing, desk: questions.Desk, job: Job) -> tuple[dict[str, Any], str, str]:
    """What was opened since the last time."""
    taken = list(record)
    record.clear()
    return {"opened": taken}, "", ""


if __name__ == "__main__":
    sys.addaudithook(audit)
    command = Command("flux.server.record", "Record", commands.Nothing)
    commands._BY_ID[command.id] = command
    questions._QUESTIONS[command.name] = _record
    from flux_ls.lsp.server import make_server
    from tests.lsp.nursery import have_patience

    have_patience()
    raise SystemExit(main.serve(make_server(), None))
