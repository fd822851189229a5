"""A small service under the recorder, for stories and pictures: it splits bills, and not among nobody."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.error import HTTPError

from tests.e2e.launch import BIN
from tests.e2e.processes import Process, free_ports

BILLS = '''\
"""Splits the bill of a table."""

import flask

app = flask.Flask(__name__)
PRICES = {"soup": 7.5, "pasta": 14.0, "wine": 6.5}


@app.post("/bills")
def split_bill():
    order = flask.request.get_json()
    total = sum(PRICES[dish] for dish in order["dishes"])
    return {"total": total, "each": share(total, order["guests"])}


def share(total, guests):
    return round(total / len(guests), 2)
'''
FAULT = "round(total / len(guests), 2)"
MENDED = "round(total / max(len(guests), 1), 2)"


class Bills:
    """The project with its history, and the service that runs from it."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.file = folder / "bills.py"
        self.environment = dict(environment)
        (self.port,) = free_ports(1)
        (folder / "pyproject.toml").write_text(
            '[project]\nname = "bills"\nversion = "1"\n\n[tool.flux]\nfunctions = ["bills.*"]\n'
        )
        self.write(BILLS.replace(FAULT, MENDED))
        self.commit("Split bills")
        self.write(BILLS)
        self.commit("Every table has guests")
        argv = [
            BIN / "flux",
            "run",
            "--",
            sys.executable,
            "-m",
            "flask",
            "--app",
            "bills",
            "run",
            "--port",
            str(self.port),
        ]
        self.process = Process(argv, cwd=folder, env=self.environment, log=folder.parent / "bills.log")

    def __enter__(self) -> Self:
        self.process.listen(self.port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()

    def write(self, text: str) -> None:
        self.file.write_text(text, encoding="utf-8")
        # As old as code is when it runs: what was written during a request is no longer what ran.
        os.utime(self.file, (time.time() - 60,) * 2)

    def commit(self, subject: str) -> None:
        name = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        for words in (("init", "-q"), ("add", "."), (*name, "commit", "-qm", subject)):
            subprocess.run(["git", *words], cwd=self.folder, check=True, capture_output=True)

    def order(self, dishes: list[str], guests: list[str]) -> int:
        """Sends an order: the status that it is answered with."""
        body = json.dumps({"dishes": dishes, "guests": guests}).encode()
        address = f"http://127.0.0.1:{self.port}/bills"
        request = urllib.request.Request(address, body, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return int(answer.status)
        except HTTPError as error:
            with suppress(OSError):
                error.read()
            return error.code

    def evening(self) -> None:
        """Some orders, the last of which fails."""
        for dishes, guests in ((["soup", "wine"], ["Ada", "Kurt"]), (["pasta"], ["Grace"]), (["soup"], ["Alan"])):
            assert self.order(dishes, guests) == 200
        assert self.order(["pasta", "wine"], []) == 500
