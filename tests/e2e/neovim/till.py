"""An application in the shop's folder that can be run again, with a history: its second commit broke it."""

import os
import subprocess
import time
from collections.abc import Sequence

from tests.e2e.neovim.shop import Shop
from tests.telemetry import RECORDER, Raises, Row, http, recorded, transaction

BROKEN = """\
import flask

app = flask.Flask(__name__)


@app.post("/split")
def split():
    order = flask.request.get_json()
    smile = "é🙂"; share = order["total"] / order["people"]
    return {"share": share, "note": smile}
"""
MENDED = BROKEN.replace('/ order["people"]', '/ max(order["people"], 1)')
DEF, FAULT = 7, 9


class Till:
    """An application in the shop's folder, with a history: its second commit broke it."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.app = shop.folder / "till.py"
        self.write(MENDED)
        self.good = self.commit("Split bills")
        self.write(BROKEN, ago_s=60)
        self.culprit = self.commit("Trust what guests say")

    def write(self, text: str, ago_s: float = 0) -> None:
        self.app.write_text(text, encoding="utf-8")
        os.utime(self.app, (time.time() - ago_s,) * 2)

    def commit(self, subject: str) -> str:
        name = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        told = ""
        for words in (("init", "-q"), ("add", "."), (*name, "commit", "-qm", subject), ("rev-parse", "HEAD")):
            done = subprocess.run(["git", *words], cwd=self.shop.folder, check=True, capture_output=True, text=True)
            told = done.stdout
        return told.strip()

    def fails(self, rows: Sequence[Row] = ()) -> str:
        """A request that died of it; `rows` are what it had committed before."""
        body = {"total": 90, "people": 0}
        told = {
            "method": "POST",
            "path": "/split",
            "headers": {"host": "till.example", "content-type": "application/json"},
            "body": body,
        }
        frame = (str(self.app), FAULT, "split", 'smile = "é🙂"; share = order["total"] / order["people"]')
        root = http(
            "POST",
            "/split",
            500,
            route="/split",
            ms=40,
            attributes=recorded(told, {"status": 500, "headers": {}}),
            raises=Raises("ZeroDivisionError", "division by zero", (frame,)),
            children=[transaction("committed", *rows)] if rows else [],
        )
        return self.shop.send(root, resource=RECORDER | {"vcs.ref.head.revision": self.culprit})
