"""Statements that are yielded, and what executes them: a course does not know its driver, nor whether that is awaited.

What was recorded is only ever a parameter. The text around it is made of our own words and of names that the database
told of itself.
"""

from collections.abc import Callable, Coroutine, Generator
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
    async def executed(asked: Ask) -> Answer:
        return execute(asked)

    try:
        # Nothing in it waits, so it comes to its end at once.
        run_async(steps, executed).send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("it waits for something")


async def run_async(steps: Steps[T], execute: Callable[[Ask], Coroutine[Any, Any, Answer]]) -> T:
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
