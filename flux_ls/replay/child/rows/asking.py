"""Statements that are yielded, and what executes them: a course does not know its driver, nor whether that is awaited.

What was recorded is only ever a parameter. The text around it is made of our own words and of names that the database
told of itself.
"""

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
Answer = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Ask:
    """A statement in pieces, with a parameter between each two of them."""

    pieces: tuple[str, ...]
    given: tuple[Any, ...] = ()

    @property
    def for_sqlite(self) -> str:
        return "?".join(self.pieces)

    @property
    def for_psycopg(self) -> str:
        return "%s".join(piece.replace("%", "%%") for piece in self.pieces)

    @property
    def for_asyncpg(self) -> str:
        first, *rest = self.pieces
        return first + "".join(f"${number}{piece}" for number, piece in enumerate(rest, 1))


Steps = Generator[Ask, Answer, T]


def ask(sql: str, *given: Any) -> Ask:
    """Of a text in which NUL stands for each parameter: no name of a table or a column can hold one."""
    return Ask(tuple(sql.split("\0")), given)


def run(steps: Steps[T], execute: Callable[[Ask], Answer]) -> T:
    try:
        asked = next(steps)
        while True:
            try:
                answer = execute(asked)
            except Exception as error:
                asked = steps.throw(error)
            else:
                asked = steps.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result


async def run_async(steps: Steps[T], execute: Callable[[Ask], Awaitable[Answer]]) -> T:
    try:
        asked = next(steps)
        while True:
            try:
                answer = await execute(asked)
            except Exception as error:
                asked = steps.throw(error)
            else:
                asked = steps.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result
