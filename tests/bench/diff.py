"""What comparing two requests costs, by their size and by how they differ."""

import json
import random
import statistics
import time
from collections.abc import Callable

from msgspec.structs import replace

from flux_ls.analysis.diff.compare import compare
from flux_ls.model import Event, Resource, Span
from flux_ls.record import wire

_ROUNDS = 7
_BARS_MS = {200: 30.0, 2000: 1000.0}
_START_NS = 1_790_000_000_000_000_000
_RESOURCE = Resource("shop", "dev", "c0ffee", {"service.name": "shop"})
_STATEMENTS = ("SELECT * FROM users WHERE id = ?", "INSERT INTO lines VALUES (?, ?)", "UPDATE stock SET left = ?")


def main() -> None:
    for size, bar in _BARS_MS.items():
        for name, make in CASES.items():
            before, after = make(size)
            times = [_timed(before, after) for _ in range(_ROUNDS)]
            found = compare(before, after)
            changed = sum(span.change != "same" for span in found.spans)
            print(
                f"diff of {size:,} spans, {name}: {statistics.median(times):.0f} ms, bar {bar:.0f} ms;"
                f" {changed:,} spans differ, {found.muted:,} differences are noise"
            )


def request(size: int, seed: int, first_id: int = 70_000, keep: Callable[[int], bool] = lambda _: True) -> list[Span]:
    """A request of nested functions and statements, each with what went in and out; `seed` draws its ids."""
    draw = random.Random(seed)
    shape = random.Random(size)
    trace_id = f"{draw.getrandbits(128):032x}"
    ids: list[str] = []
    functions: list[int] = []
    spans: list[Span] = []
    for number in range(size):
        parent = None if number == 0 else ids[functions[-1 - min(int(shape.expovariate(0.3)), len(functions) - 1)]]
        statement = shape.choice(_STATEMENTS)
        is_query = number > 0 and shape.random() < 0.5
        price = shape.randint(1, 90)
        if not is_query:
            functions.append(number)
        ids.append(f"{draw.getrandbits(64):016x}")
        if not keep(number):
            ids[-1] = parent or ids[-1]
            continue
        begin = _START_NS + seed * 10**12 + number * 10**6
        attributes = {
            "thread.id": draw.getrandbits(40),
            "server.port": 5432,
            wire.INPUT: json.dumps({"order_id": first_id + number // 50, "sku": f"item {price}", "note": "x" * 80}),
            wire.OUTPUT: json.dumps({"id": first_id + number, "price": price, "key": f"{draw.getrandbits(128):032x}"}),
        }
        if is_query:
            attributes = {"db.system.name": "sqlite", "db.query.text": statement, "client.port": draw.getrandbits(15)}
        row = Event(
            wire.ROW_CHANGE,
            begin,
            {
                wire.ROW_TABLE: "lines",
                wire.ROW_KEY: json.dumps({"id": first_id + number}),
                wire.ROW_OPERATION: "insert",
                wire.ROW_AFTER: json.dumps({"id": first_id + number, "price": price}),
                wire.ROW_OUTCOME: "committed",
            },
        )
        spans.append(
            Span(
                trace_id=trace_id,
                span_id=ids[-1],
                parent_id=parent,
                name="POST /orders" if number == 0 else statement[:6] if is_query else f"function_{price % 17}",
                kind="server" if number == 0 else "client" if is_query else "internal",
                start_ns=begin,
                end_ns=begin + draw.randint(10**5, 10**6) + (size - number) * 10**6,
                status="unset",
                status_message="",
                attributes=attributes,
                resource=_RESOURCE,
                scope="bench",
                events=(row,) if number % 10 == 0 else (),
            )
        )
    return spans


def _loop(size: int, seed: int, first: int) -> list[Span]:
    """One span, and below it all others, alike but for a number."""
    (entry,) = request(1, seed)
    query = request(2, seed)[1]
    return [
        entry,
        *(
            replace(
                query,
                span_id=f"{seed:08x}{number:08x}",
                parent_id=entry.span_id,
                trace_id=entry.trace_id,
                attributes={wire.INPUT: f'{{"id": {first + number}}}', "db.query.text": _STATEMENTS[0]},
            )
            for number in range(size - 1)
        ),
    ]


CASES: dict[str, Callable[[int], tuple[list[Span], list[Span]]]] = {
    "the same": lambda size: (request(size, 1), request(size, 1)),
    "run again, with new ids": lambda size: (request(size, 1), request(size, 2, first_id=90_000)),
    "every tenth span gone": lambda size: (
        request(size, 1),
        request(size, 2, first_id=90_000, keep=lambda number: number == 0 or number % 10 != 3),
    ),
    "nothing in common": lambda size: (request(size, 1), request(size + 1, 2)),
    "a loop of equal spans": lambda size: (_loop(size, 1, 0), _loop(size - 7, 2, 40)),
}


def _timed(before: list[Span], after: list[Span]) -> float:
    begin = time.process_time()
    compare(before, after)
    return (time.process_time() - begin) * 1000


if __name__ == "__main__":
    main()
