"""What is asked of PostgreSQL for a copy of a database, by what it answers about those who are connected."""

import pytest

from flux_ls.replay.child.databases.copying import InUse, copied
from flux_ls.replay.child.rows.asking import Answer, Ask, run

NAP = "SELECT pg_sleep(0.1)"
MADE = 'CREATE DATABASE "copy" TEMPLATE "my ""shop"""'


def asked_for(*answers: Answer | Exception) -> list[str]:
    """The statements, but for the one that asks who is there, which gets these answers; the last one from then on."""
    told, left = [], list(answers)

    def execute(asked: Ask) -> Answer:
        if asked.given == ('my "shop"',):
            answer = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(answer, Exception):
                raise answer
            return answer
        told.append("".join(asked.pieces))
        return []

    try:
        run(copied("copy", 'my "shop"'), execute)
    except InUse as error:
        told.append(str(error))
    return told


SOMEBODY: Answer = [(1,)]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([[]], [MADE]),
        ([SOMEBODY, SOMEBODY, []], [NAP, NAP, MADE]),
        ([SOMEBODY], [*[NAP] * 5, 'source database "my "shop"" is being accessed by other users']),
        ([PermissionError("not for you")], [MADE]),
    ],
    ids=["nobody", "who leaves soon", "who stays", "it is not told"],
)
def test_who_is_connected(answers: list[Answer | Exception], expected: list[str]) -> None:
    assert asked_for(*answers) == expected


def test_what_the_server_says_is_heard() -> None:
    def execute(asked: Ask) -> Answer:
        if not asked.given:
            raise PermissionError("permission denied to create database")
        return []

    with pytest.raises(PermissionError, match="denied to create"):
        run(copied("copy", "shop"), execute)
