"""The statements that make a copy of a PostgreSQL database, told early where others keep one from being made."""

from typing import Final

from flux_ls.replay.child.rows.asking import Steps, ask

_TRIES: Final = 5
_NAP_S: Final = 0.1


class InUse(Exception):
    """Others are connected to the original, and do not leave."""


def copied(name: str, original: str) -> Steps[None]:
    """Executed in another database of the server, outside of a transaction. Raises InUse, or what the server says.

    The server waits five seconds for others to leave before it refuses. Who is about to leave does so at once, and
    a service keeps its connections.
    """
    for _ in range(_TRIES):
        if not (yield from _others(original)):
            break
        yield ask(f"SELECT pg_sleep({_NAP_S})")
    else:
        raise InUse(f'source database "{original}" is being accessed by other users')
    yield ask(f"CREATE DATABASE {_quoted(name)} TEMPLATE {_quoted(original)}")


def _others(original: str) -> Steps[bool]:
    """What the server does by itself in a database has no user, and makes way."""
    of_users = "SELECT 1 FROM pg_stat_activity WHERE datname = \0 AND usesysid IS NOT NULL LIMIT 1"
    try:
        return bool((yield ask(of_users, original)))
    except Exception:
        # It may be hidden; then the server has to find out.
        return False


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))
