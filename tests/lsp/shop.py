"""A small shop whose payments fail: its code on disk, and what it sent to the store when it ran."""

import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path

from flux_ls.collector.ingest import Ingest
from tests.telemetry import RECORDER, Raises, SpanNode, http, new_trace_id, recorded, row, span, traces, transaction

PAYMENTS = '''\
"""Payments."""

from shop.stripe import Timeout


def charge(customer, amount):
    note = "é🙂"; receipt = send(customer, amount)
    return receipt


def send(customer, amount):
    if amount > 100:
        label = "é🙂"; raise Timeout("Stripe API timeout")
    return {"customer": customer}


class Refunds:
    def refund(self, charge_id):
        try:
            return lookup(charge_id)
        except KeyError:
            return None


def lookup(charge_id):
    return {}[charge_id]
'''
SIGNUP = '''\
"""Signing up."""

from shop.payments import charge


def create(request):
    return charge(request["customer"], request["amount"])
'''


@dataclass
class Shop:
    """The project, and a hand to let it run."""

    root: Path
    store: Path
    sent: list[str] = field(default_factory=list)

    @property
    def payments(self) -> Path:
        return self.root / "shop" / "payments.py"

    @property
    def signup(self) -> Path:
        return self.root / "shop" / "signup.py"

    @classmethod
    def make(cls, folder: Path, store: Path | None = None) -> "Shop":
        root = folder / "project"
        (root / "shop").mkdir(parents=True)
        shop = cls(root, store or folder / "data" / "flux.db")
        shop.payments.write_text(PAYMENTS, encoding="utf-8")
        shop.signup.write_text(SIGNUP, encoding="utf-8")
        return shop

    def commit(self) -> str:
        """Puts what is on disk into a commit of a repository; its id."""
        name = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        for words in (("init", "-q"), ("add", "."), (*name, "commit", "-qm", "As it ran"), ("rev-parse", "HEAD")):
            told = subprocess.run(["git", *words], cwd=self.root, check=True, capture_output=True, text=True).stdout
        return told.strip()

    def frame(self, path: Path, text: str, function: str, *, recorded: str | None = None) -> tuple[str, int, str, str]:
        """A stack entry on the line of the file that contains `text`."""
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
            if text in line:
                return recorded or str(path), number, function, line.strip()
        raise AssertionError(text)

    def timeout(self, message: str = "Stripe API timeout") -> Raises:
        return Raises(
            "Timeout",
            message,
            (
                self.frame(self.signup, "return charge(", "create"),
                self.frame(self.payments, "receipt = send(", "charge"),
                self.frame(self.payments, "raise Timeout", "send"),
            ),
        )

    def missing_key(self) -> Raises:
        return Raises(
            "KeyError",
            "'ch_1'",
            (
                self.frame(self.payments, "return lookup(", "refund"),
                self.frame(self.payments, "{}[charge_id]", "lookup"),
            ),
        )

    def fail(self, raises: Raises | None = None, **rest: object) -> str:
        """A failing `POST /signup`; returns the request's id."""
        raised = raises or self.timeout()
        return self.send(http("POST", "/signup", 500, route="/signup", raises=raised, ms=44), **rest)

    def fail_recorded(self, customer: str = "cus_42", body: object = None, **rest: object) -> str:
        """The same under the recorder: with inputs, the variables at the fault and a row that was rolled back."""
        raised = self.timeout()
        path, line, function, _ = raised.frames[-1]
        values = {"customer": customer, "amount": 2900}
        at_fault = [{"path": path, "line": line, "function": function, "locals": {**values, "label": "é🙂"}}]
        send = span(
            "send",
            raises=raised,
            ms=40,
            attributes=recorded(input=values, locals=at_fault)
            | {"code.function.name": "shop.payments.send", "code.file.path": path, "code.line.number": 11},
        )
        rows = transaction(
            "rolled_back",
            row("users", {"id": 42}, before={"plan": "free"}, after={"plan": None}, at_ms=1, by="send"),
        )
        root = http("POST", "/signup", 500, route="/signup", raises=raised, ms=44, children=[send, rows])
        sent = {"method": "POST", "path": "/signup", "body": body or {"email": "ada@example.org", "plan": "pro"}}
        told = recorded(input=sent, output={"status": 500, "body": {"error": "try again"}})
        root = replace(root, attributes={**root.attributes, **told})
        return self.send(root, resource=RECORDER, **rest)

    def succeed(self, **rest: object) -> str:
        return self.send(http("POST", "/signup", 201, route="/signup", ms=88), **rest)

    def handle(self) -> str:
        """A good request on whose way an error was handled."""
        child = span("refund", raises=self.missing_key(), ms=3)
        return self.send(http("POST", "/refund", 200, route="/refund", children=[child], ms=12))

    def send(self, *roots: SpanNode, **rest: object) -> str:
        trace_id = str(rest.pop("trace_id", "") or new_trace_id())
        sink = Ingest(self.store)
        try:
            sink.traces(traces(*roots, trace_id=trace_id, **rest))  # type: ignore[arg-type]
        finally:
            sink.close()
        self.sent.append(trace_id)
        return trace_id
