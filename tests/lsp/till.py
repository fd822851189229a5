"""A shop with an application that can be run again: its requests are told as the recorder would have."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lsp.shop import Shop
from tests.telemetry import RECORDER, Raises, http, recorded

BROKEN = '''\
"""The till."""

import flask

app = flask.Flask(__name__)


@app.post("/split")
def split():
    order = flask.request.get_json()
    smile = "é🙂"; share = order["total"] / order["people"]
    return {"share": share, "note": smile}


def unrelated():
    return 1
'''
MENDED = BROKEN.replace('/ order["people"]', '/ max(order["people"], 1)')
WORSE = BROKEN.replace('order["people"]', 'order["persons"]')
HEAD, FAULT = 8, 10
"""The rows of the function and of its failing line."""


@dataclass
class Till:
    """`app` is the application's file. Its interpreter leaves a file behind when anything runs."""

    shop: Shop

    @classmethod
    def make(cls, folder: Path) -> "Till":
        till = cls(Shop.make(folder))
        (till.root / "pyproject.toml").write_text("[project]\nname = 'till'\n")
        till.write(BROKEN, 60)
        till.python.write_text(f'#!/bin/sh\ntouch {till.root.parent}/ran\nexec {sys.executable} "$@"\n')
        till.python.chmod(0o755)
        return till

    @property
    def root(self) -> Path:
        return self.shop.root

    @property
    def app(self) -> Path:
        return self.root / "till.py"

    @property
    def python(self) -> Path:
        return self.root.parent / "python"

    @property
    def has_run(self) -> bool:
        return (self.root.parent / "ran").exists()

    @property
    def trusted(self) -> dict[str, Any]:
        """What a client says of a workspace that it trusts, as it starts."""
        return {"workspaceTrusted": True, "python": str(self.python)}

    def write(self, text: str, ago_s: float = 0) -> None:
        """Saves the application, so long ago: what was written after a request is not what ran."""
        self.app.write_text(text, encoding="utf-8")
        os.utime(self.app, (time.time() - ago_s,) * 2)

    def commit(self, subject: str) -> str:
        """Commits all that is on disk; the revision."""
        name = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        self.git("init", "-q")
        self.git("add", ".")
        self.git(*name, "commit", "-qm", subject, "--allow-empty")
        return self.git("rev-parse", "HEAD").strip()

    def git(self, *words: str) -> str:
        return subprocess.run(["git", *words], cwd=self.root, check=True, capture_output=True, text=True).stdout

    def fails(self, people: int = 0, method: str = "POST", **how: object) -> str:
        """A request that died of dividing by zero; its id."""
        body = {"total": 90, "people": people}
        told = {
            "method": method,
            "path": "/split",
            "headers": {"host": "till.example", "content-type": "application/json"},
            "body": body,
        }
        raised = Raises(
            "ZeroDivisionError", "division by zero", (self.shop.frame(self.app, 'order["total"] /', "split"),)
        )
        root = http(
            method,
            "/split",
            500,
            route="/split",
            attributes=recorded(told, {"status": 500, "headers": {}}),
            raises=raised,
            ms=40,
        )
        return self.shop.send(root, **{"resource": RECORDER, **how})
