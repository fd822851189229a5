"""Large requests of any shape are compared in bounded time, without recursion."""

import random
import time
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from flux_ls.analysis.diff.compare import compare
from flux_ls.model import Span
from tests.analysis.spans import ms, request, server

WORDS = ("load", "save", "SELECT", "INSERT", "render", "charge")


def spans(
    count: int, parent_of: Callable[[int], int], name: Callable[[int], str], given: Callable[[int], str]
) -> list[Span]:
    entry = request(server(200))[0]
    return [
        replace(
            entry,
            span_id=f"{number:016x}",
            parent_id=f"{parent_of(number):016x}" if number else None,
            kind="internal" if number else "server",
            name=name(number),
            start_ns=ms(number / 1000),
            end_ns=ms(count - number / 1000),
            attributes={"flux.input": f'{{"given": "{given(number)}"}}'} if number else entry.attributes,
        )
        for number in range(count)
    ]


def wide(number: int) -> int:
    return 0


def chain(number: int) -> int:
    return number - 1


def bushy(number: int) -> int:
    return number // 3


def word(number: int) -> str:
    return WORDS[number * number % len(WORDS)]


def drawn(seed: int) -> Callable[[int], str]:
    return lambda number: random.Random(seed * 100_003 + number).choice(WORDS)


def letters(number: int) -> str:
    return "".join(chr(97 + int(digit)) for digit in str(number))


SHAPES: dict[str, Callable[[int], tuple[list[Span], list[Span]]]] = {
    "a chain in which all inputs changed": lambda size: (
        spans(size, chain, word, lambda number: "a"),
        spans(size, chain, word, letters),
    ),
    "a chain of other names": lambda size: (
        spans(size, chain, drawn(1), letters),
        spans(size, chain, drawn(2), letters),
    ),
    "many children in the opposite order": lambda size: (
        spans(size, wide, letters, letters),
        spans(size, wide, lambda number: letters(size - number), lambda number: letters(size - number)),
    ),
    "many children of few names": lambda size: (
        spans(size, wide, drawn(1), drawn(3)),
        spans(size - 9, wide, drawn(2), drawn(4)),
    ),
    "a wide one and a deep one": lambda size: (spans(size, wide, word, letters), spans(size, chain, word, letters)),
    "trees of other names": lambda size: (
        spans(size, bushy, drawn(1), drawn(3)),
        spans(size, bushy, drawn(2), drawn(4)),
    ),
    "trees with nothing in common": lambda size: (
        spans(size, bushy, letters, letters),
        spans(size, bushy, lambda number: f"x{letters(number)}", lambda number: f"x{letters(number)}"),
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_two_thousand_spans(shape: str) -> None:
    before, after = SHAPES[shape](2000)
    begin = time.process_time()
    comparison = compare(before, after)
    # Far above what it takes: on a busy machine it must not fail.
    assert time.process_time() - begin < 6
    assert sum(each.before is not None for each in comparison.spans) == len(before)
    assert sum(each.after is not None for each in comparison.spans) == len(after)


def test_twenty_thousand_spans_below_each_other() -> None:
    before = spans(20_000, chain, word, letters)
    comparison = compare(before, before)
    assert comparison.identical
    changed = [*before[:10_000], replace(before[10_000], name="other"), *before[10_001:]]
    assert [each.change for each in compare(before, changed).spans].count("same") >= 19_998
