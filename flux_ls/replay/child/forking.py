"""One import for several requests: a process that has the application forks one for each of them.

A fork stands for a new process only if nothing but memory came of the import: two forks would share a connection, the
place in an open file or a folder of the application's, and a thread is in none of them. Then a process runs a request
itself, and is gone.
"""

import gc
import os
import sys
import tempfile
from typing import Any

from flux_ls.replay.child import beside, channel, hooks, namespace
from flux_ls.replay.child.answers import Recorded
from flux_ls.replay.child.blocked import ourselves
from flux_ls.replay.child.databases import postgresql
from flux_ls.replay.child.rows import changes

_RECORDER = "flux-recorder"
"""Its thread ends before a fork, and comes back."""
_OWN_FOLDERS = frozenset({"sqlite", "logs", "output", "tmp"})


def not_here() -> str | None:
    """Why this system's processes had better not be forked once they have imported libraries."""
    return None if sys.platform == "linux" else f"a fork after imports is not safe on {sys.platform}"


class Before:
    """What was open before the application was imported."""

    def __init__(self) -> None:
        self.descriptors = set(_descriptors())
        self.shared = _shared_memory()


def why_not(job: dict[str, Any], before: Before, recorded: Recorded) -> str | None:
    """What the import left that no fork may share; None where there is nothing."""
    if job["pin"]:
        return "the clock is pinned before the import"
    if job["allow_writes"]:
        return "what it opens is the real thing"
    if recorded.was_asked:
        return "its import calls another service"
    if postgresql.was_used():
        return "its import connects to PostgreSQL"
    _let_go_of_databases()
    if threads := _threads():
        return f"its import starts threads ({', '.join(threads)})" if any(threads) else "its import starts threads"
    if left := _left_open(job["scratch"], before):
        return f"its import leaves {left} open"
    if _shared_memory() > before.shared:
        return "its import shares memory with other processes"
    if files := _files(job["scratch"]):
        return f"its import writes files ({files})"
    return None


def serve(first: dict[str, Any], guarded: beside.Guarded | None, recorded: Recorded, is_mine: Any) -> dict[str, Any]:
    """Returns in each fork, with its job; never in the process that forks. `is_mine`: whether the application that was
    imported is that of a job."""
    gc.collect()
    gc.freeze()
    job: dict[str, Any] | None = first
    while job is not None:
        if not is_mine(job):
            channel.tell("other")
            break
        channel.tell("forked")
        with ourselves():
            pid = os.fork()
        if not pid:
            _begin(job, guarded, recorded)
            return job
        channel.tell("over", code=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        job = channel.next_job()
    os._exit(0)


def _begin(job: dict[str, Any], guarded: beside.Guarded | None, recorded: Recorded) -> None:
    """A fork gets what a process of its own has: a network, a folder, databases, answers."""
    with ourselves():
        namespace.renew_namespace()
        if guarded is not None:
            guarded.only_the_first()
        scratch = os.path.realpath(job["own_scratch"])
        temporary = os.path.join(scratch, "tmp")
        os.makedirs(temporary, exist_ok=True)
        for name in ("TMPDIR", "TMP", "TEMP"):
            os.environ[name] = temporary
        if tempfile.tempdir is not None:
            tempfile.tempdir = temporary
        hooks.write_only_in(scratch)
        changes.begin(job)
        if "flux_ls.replay.child.databases.sqlite" in sys.modules:
            from flux_ls.replay.child.databases import sqlite

            sqlite.copy_anew(scratch)
        recorded.begin(job["calls"])


def _let_go_of_databases() -> None:
    """Connections that wait in a pool are made anew when they are wanted."""
    sqlalchemy = sys.modules.get("sqlalchemy.engine")
    if sqlalchemy is not None:
        for found in gc.get_objects():
            if issubclass(type(found), sqlalchemy.Engine) and _is_a_file(found.url):
                found.dispose()
    django = sys.modules.get("django.db")
    if django is not None:
        django.connections.close_all()
    gc.collect()


def _is_a_file(url: Any) -> bool:
    """Of a database in memory, the connection is all there is."""
    name = str(url.database or "")
    return url.get_backend_name() == "sqlite" and name not in ("", ":memory:") and "mode=memory" not in str(url)


def _threads() -> list[str]:
    """Their names; empty ones for threads that are not Python's."""
    import threading

    known = {str(thread.native_id): thread.name for thread in threading.enumerate()}
    found = [known.get(id, "") for id in os.listdir("/proc/self/task") if id != str(os.getpid())]
    return sorted(name for name in found if name != _RECORDER)


def _descriptors() -> dict[int, str]:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
    return found


def _left_open(scratch: str, before: Before) -> str | None:
    """A log is only added to, and a device has no place where it is."""
    logs = os.path.join(os.path.realpath(scratch), "logs") + os.sep
    for number, what in sorted(_descriptors().items()):
        if number in before.descriptors or what.startswith((logs, "/dev/")):
            continue
        return what.removesuffix(" (deleted)")
    return None


def _shared_memory() -> int:
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        return sum(line.split()[1].endswith("s") for line in maps)


def _files(scratch: str) -> str | None:
    for folder, _, names in os.walk(scratch):
        parts = os.path.relpath(folder, scratch).split(os.sep)
        if parts[0] in ("sqlite", "logs"):
            continue
        for name in names:
            if not (folder == scratch and name in _OWN_FOLDERS):
                return name
    return None
