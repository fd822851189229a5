"""flux-ls with more commands: slow, stubborn and ill-behaved ones, for what happens meanwhile."""

import sys
import time
from pathlib import Path
from typing import Any

import attrs
from msgspec import Struct

from flux_ls.lsp import commands, main, questions
from flux_ls.lsp.commands import Command
from flux_ls.lsp.desk import Desk
from flux_ls.lsp.jobs import Job, Stopped
from flux_ls.lsp.server import make_server


@attrs.frozen
class Sleep:
    seconds: float
    diary: str = ""
    """A file that tells how it went."""
    until: str = ""
    """It ends earlier, once there is this file."""
    stubborn: bool = False
    """Never looks whether it should stop."""


@attrs.frozen
class Misbehave:
    how: str


class Inner(Struct):
    name: str


def _sleep(asked: Sleep, desk: Desk, job: Job) -> tuple[dict[str, Any], str, str]:
    diary = Path(asked.diary) if asked.diary else None
    end = time.monotonic() + asked.seconds
    if diary is not None:
        diary.write_text("started")
    try:
        while time.monotonic() < end and not (asked.until and Path(asked.until).exists()):
            time.sleep(0.01)
            if not asked.stubborn:
                job.report("sleeping", 50)
    except Stopped:
        if diary is not None:
            diary.write_text("stopped")
        raise
    if diary is not None:
        diary.write_text("finished")
    return {"slept": asked.seconds}, "", ""


def _misbehave(asked: Misbehave, desk: Desk, job: Job) -> tuple[dict[str, Any], str, str]:
    if asked.how == "raise":
        raise ZeroDivisionError("a fault of ours")
    if asked.how == "print":
        print("this is no message")
        sys.stdout.write("nor is this")
        sys.__stdout__.flush() if sys.__stdout__ else None
    results: dict[str, Any] = {
        "struct": Inner("a struct"),
        "nested": [{"deep": (Inner("a nested struct"),)}],
        "nan": [float("nan"), float("inf"), 1.5],
        "object": object(),
        "surrogate": "half \ud800",
    }
    return {"value": results.get(asked.how)}, "", ""


def _tables(asked: commands.Nothing, desk: Desk, job: Job) -> tuple[dict[str, Any], str, str]:
    protocol = server.protocol
    return {"futures": len(protocol._request_futures), "tokens": len(protocol.progress.tokens)}, "", ""


MORE = (
    (Command("flux.server.sleep", "Sleep", Sleep), _sleep),
    (Command("flux.server.misbehave", "Misbehave", Misbehave), _misbehave),
    (Command("flux.server.tables", "Tables", commands.Nothing), _tables),
)
for command, question in MORE:
    commands._BY_ID[command.id] = command
    questions._QUESTIONS[command.name] = question

server = make_server()
if __name__ == "__main__":
    address = main._address(sys.argv[2]) if sys.argv[1:2] == ["--tcp"] else None
    raise SystemExit(main.serve(server, address))
