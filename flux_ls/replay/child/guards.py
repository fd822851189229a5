"""The guards of a process, all in force before the application is imported: the kernel's, then Python's."""

import os
import platform
import sys
from typing import Any

from flux_ls.replay.child import beside, channel, hooks, landlock, namespace, refused_clients
from flux_ls.replay.child.answers import Recorded
from flux_ls.replay.child.databases import postgresql
from flux_ls.replay.child.outbound import aiohttp, http_client, httpx


def close(job: dict[str, Any], guarded: beside.Guarded | None) -> bool:
    """The kernel's part, all of it before any thread; whether it keeps the whole network away."""
    scratch = os.path.realpath(job["scratch"])
    problem = namespace.enter_namespace() if job["network"] == "namespace" else job["no_namespace"]
    ports = None
    if problem and job["network"] != "open":
        ports = landlock.close_network(port for _, port in job["allow"])
    files = not job["allow_writes"] and landlock.close_files(scratch)
    no_filter: str | None = "it is switched off"
    if job["seccomp"]:
        no_filter = f"{sys.platform} on {platform.machine()} has no filter that asks (seccomp)"
    if guarded is not None:
        no_filter = guarded.close(
            closed=problem is None,
            writes=job["allow_writes"],
            scratch=scratch,
            services=job["allow"],
            sockets=job["allow_sockets"],
        )
    parts = {"namespace": not problem, "seccomp": not no_filter, "landlock": files}
    channel.tell(
        "guard",
        guard="python" if problem else "namespace",
        kernel=[name for name, in_force in parts.items() if in_force],
        because=problem,
        ports=ports,
        no_filter=no_filter,
    )
    return problem is None or bool(ports)


def hook(job: dict[str, Any], recorded: Recorded, guarded: beside.Guarded | None, *, closed: bool) -> None:
    """Python's part. Libraries are changed first: the hook stays for good. `closed`: the kernel has no network."""
    for library in (http_client, httpx, aiohttp):
        library.install(recorded)
    refused_clients.install(databases=not job["allow"])
    scratch = os.path.realpath(job["scratch"])
    if not job["allow_writes"]:
        try:
            from flux_ls.replay.child.databases import sqlite
        except ImportError:
            pass
        else:
            sqlite.install(scratch)
    postgresql.install(closed=closed, writes=job["allow_writes"])
    hooks.install(
        hooks.Limits(
            allow=frozenset((host, port) for host, port in job["allow"]),
            sockets=frozenset(os.path.realpath(path) for path in job["allow_sockets"]),
            scratch=scratch,
            writes=job["allow_writes"],
        ),
        guarded,
    )
