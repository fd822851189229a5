"""A small project, and the telemetry that it would send: real stack traces of its code, posted to a collector."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.launch import Endpoint
from tests.telemetry import (
    RECORDER,
    Raises,
    SpanNode,
    http,
    new_trace_id,
    recorded,
    row,
    span,
    traces,
    transaction,
)

CHECKOUT = '''"""Splits a bill."""


def per_person(order):
    smile = "é🙂"; share = order["total"] / order["people"]
    return smile, share


def receipt(order):
    return {"share": per_person(order)}


def greeting(order):
    return "Hello " + order["name"]
'''
FAULT_LINE = 5
"""Of `per_person`: characters beyond ASCII and beyond the first plane stand before what is responsible."""
WEB = '''"""The handlers."""

from shop import checkout


def post_checkout(order):
    return checkout.receipt(order)


def get_greeting(order):
    return checkout.greeting(order)
'''


CHECKOUT_CALL = "post_checkout({'total': 90, 'people': 0})"


class Shop:
    """The project in a folder, and a collector that its telemetry goes to."""

    def __init__(self, folder: Path, endpoint: Endpoint) -> None:
        self.folder = folder
        self.endpoint = endpoint
        self.checkout = folder / "shop" / "checkout.py"
        (folder / "shop").mkdir(parents=True)
        (folder / "pyproject.toml").write_text('[project]\nname = "shop"\nversion = "1"\n')
        (folder / "shop" / "__init__.py").write_text("")
        self.checkout.write_text(CHECKOUT, encoding="utf-8")
        (folder / "shop" / "web.py").write_text(WEB, encoding="utf-8")
        # As old as code is when it runs: what was written during a request is no longer what ran.
        for file in (self.checkout, folder / "shop" / "web.py"):
            os.utime(file, (time.time() - 60,) * 2)

    def raised(self, call: str) -> Raises:
        """What Python says when `shop.web` runs the call."""
        script = (
            "import json, traceback\nfrom shop import web\n"
            f"try:\n    web.{call}\n"
            "except Exception as error:\n"
            "    print(json.dumps([type(error).__name__, str(error), traceback.format_exc()]))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=self.folder, capture_output=True, text=True, check=True, timeout=30
        )
        type_, message, text = json.loads(done.stdout)
        return _AsPrinted(type_, message, text=text)

    def fails(self, call: str = CHECKOUT_CALL, *, path: str = "/checkout", trace_id: str = "") -> str:
        """A request that dies of what the call raises, recorded on a span inside of it; its id."""
        work = span(
            "work",
            start_ms=1,
            ms=43,
            raises=self.raised(call),
            attributes={
                "code.file.path": str(self.checkout),
                "code.line.number": 9,
                "code.function.name": "receipt",
            },
        )
        return self.send(http("POST", path, 500, route=path, ms=44, children=[work]), trace_id)

    def orders(
        self, people: int = 2, *, id: int = 42, note: str = "no hurry", mended: bool = False, **rest: Any
    ) -> str:
        """`POST /checkout` as a recorder tells it: an order is written, and lasts unless nobody shares the bill."""
        fails = people == 0 and not mended
        raised = self.raised(CHECKOUT_CALL) if fails else None
        file, order = str(self.checkout), {"people": people, "total": 90}
        at_fault = {"path": file, "line": FAULT_LINE, "function": "per_person", "locals": {"order": order}}
        status = 500 if fails else 201
        share = span(
            "per_person",
            start_ms=20,
            ms=20,
            raises=raised,
            attributes=recorded({"order": order}, locals=[at_fault]) if fails else recorded({"order": order}, 45),
        )
        place = (file, 9, "receipt")
        written = transaction(
            "rolled_back" if fails else "committed",
            row("orders", {"id": id}, after={"id": id, "state": "new"}, at_ms=4, by="save_order", at=place),
            row(
                "orders",
                {"id": id},
                before={"state": "new"},
                after={"state": "paid"},
                at_ms=6,
                by="save_order",
                at=place,
            ),
            start_ms=3,
            ms=50,
        )
        code = {"code.file.path": file, "code.line.number": 9, "code.function.name": "receipt"}
        save = span("save_order", start_ms=2, ms=8, attributes=recorded({"note": note}, {"id": id}) | code)
        connect = span("connect", start_ms=1, ms=1, attributes={"db.system.name": "sqlite"})
        body = {"error": "try again"} if fails else {"id": id}
        told = recorded(
            {"method": "POST", "path": "/checkout", "headers": {"host": "shop"}, "body": order},
            {"status": status, "headers": {}, "body": body},
        )
        children = [connect, save, written, share]
        root = http("POST", "/checkout", status, route="/checkout", ms=60, attributes=told, children=children)
        return self.send(root, **{"resource": RECORDER, **rest})

    def succeeds(self, path: str = "/products", *, status: int = 200, ms: float = 9) -> str:
        return self.send(http("GET", path, status, route=path, ms=ms))

    def send(self, root: SpanNode, trace_id: str = "", **rest: Any) -> str:
        """Posts one request; what is answered 200 is stored."""
        trace_id = trace_id or new_trace_id()
        self._post(traces(root, trace_id=trace_id, **rest).SerializeToString())
        return trace_id

    def send_all(self, roots: Sequence[SpanNode]) -> list[str]:
        """Posts several requests at once."""
        ids = [new_trace_id() for _ in roots]
        # Messages of protobuf one after the other are one message with all that they hold.
        self._post(b"".join(traces(r, trace_id=id).SerializeToString() for r, id in zip(roots, ids, strict=True)))
        return ids

    def _post(self, payload: bytes) -> None:
        post = urllib.request.Request(
            f"http://127.0.0.1:{self.endpoint.http_port}/v1/traces",
            payload,
            {"content-type": "application/x-protobuf"},
        )
        with urllib.request.urlopen(post, timeout=10) as answer:
            assert answer.status == 200


@dataclass(frozen=True)
class _AsPrinted(Raises):
    """An exception with the very text that Python prints."""

    text: str = ""

    @property
    def stacktrace(self) -> str:
        return self.text
