"""Programs that start quickly: one process imports everything once, and each of them is a fork of it.

What a server does first, its imports and how it learns to read each kind of message, is most of the time that a test
takes. A forked one runs the same `main`, in a process of its own, behind a launcher that hands over its standard
streams and ends with its exit code.
"""

import ast
import contextlib
import functools
import gc
import importlib
import os
import select
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MAIN = "flux_ls.lsp"
PATIENCE_S = 30.0
"""How long these servers wait for what a question is about. That answers come at once is not what is held of them."""
IMPORTED = ("flux_ls.lsp.server", "flux_ls.lsp.session", "flux_ls.collector.daemon", "filelock")

# With `_socket` in place of `socket` and `repr` in place of JSON it starts in less than half the time.
LAUNCHER = """
import _socket, array, os, sys
nursery = _socket.socket(_socket.AF_UNIX)
nursery.connect(sys.argv[1])
order = repr({"words": sys.argv[2:], "environment": dict(os.environ), "folder": os.getcwd()})
streams = _socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", [0, 1, 2])
nursery.sendmsg([order.encode() + b"\\n"], [streams])
for each in (0, 1, 2):
    os.close(each)
os._exit(int(nursery.recv(16) or b"70"))
"""


def command(module: str = MAIN, imported: tuple[str, ...] = IMPORTED) -> list[str]:
    """The command that starts a server by the name of its module, from a process that has imported what it needs."""
    if sys.platform != "linux":
        return [sys.executable, "-m", module]
    return [sys.executable, "-I", "-S", "-c", LAUNCHER, _nursery(imported), module]


def script(folder: Path) -> Path:
    """Writes a `flux-ls` into the folder, for editors that find it on PATH; returns the folder."""
    return executable(folder / "flux-ls", f'{shlex.join(command())} "$@"').parent


def executable(file: Path, words: str) -> Path:
    """Writes a program that becomes another."""
    file.write_text(f"#!/bin/sh\nexec {words}\n")
    file.chmod(0o755)
    return file


@functools.cache
def _nursery(imported: tuple[str, ...]) -> str:
    """The address of this process's nursery with these modules, which ends with it."""
    address = str(Path(tempfile.mkdtemp(prefix="flux-nursery-")) / "socket")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.lsp.nursery", address, *imported],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    _nurseries.append(process)
    return address


_nurseries: list[subprocess.Popen[bytes]] = []


def _keep(address: str, *imported: str) -> None:
    for name in imported:
        importlib.import_module(name)
    if "flux_ls.lsp.server" in imported:
        have_patience()
        _learn_messages()
    # A fork that collects garbage would copy every page of what is here to stay.
    gc.collect()
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as nursery:
        nursery.bind(address)
        nursery.listen(64)
        print("ready", flush=True)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while sys.stdin not in select.select([nursery, sys.stdin], [], [])[0]:
            order, _ = nursery.accept()
            if os.fork() == 0:
                nursery.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os._exit(_start(order))
            order.close()
    Path(address).unlink()
    Path(address).parent.rmdir()


def have_patience() -> None:
    """An answer that does not wait is of how things were before, where the machine has no time for the findings."""
    from flux_ls.lsp import session, watched_store

    session.PATIENCE_S = watched_store.FIRST_LOOK_S = PATIENCE_S


def _learn_messages() -> None:
    """Gives the servers a converter that has met every message: each would make the code for those that it meets."""
    import attrs
    from lsprotocol import types

    from flux_ls.lsp import protocol, server

    converter = protocol.converter()
    met: set[tuple[Any, Any]] = set()

    def meet(kind: Any, learn: Callable[[Any], object]) -> None:
        if isinstance(kind, str | int) or (kind, learn) in met:
            return
        met.add((kind, learn))
        learn(kind)
        for part in [field.type for field in attrs.fields(kind)] if attrs.has(kind) else typing.get_args(kind):
            meet(part, learn)

    for asked, answered, *_ in types.METHOD_TO_TYPES.values():
        meet(asked, converter.get_structure_hook)
        meet(answered or asked, converter.get_unstructure_hook)
    server.converter = lambda: converter


def _start(order: socket.socket) -> int:
    """Forks the server and tells its launcher how it ended."""
    said, streams, _, _ = socket.recv_fds(order, 1 << 20, 3)
    while not said.endswith(b"\n"):
        said += order.recv(1 << 20)
    wanted = ast.literal_eval(said.decode())
    child = os.fork()
    if child:
        for each in (*streams, 0, 1, 2):
            os.close(each)
        if order in select.select([order, os.pidfd_open(child)], [], [])[0]:
            # Whoever kills the launcher means the server, which holds the streams.
            os.kill(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with contextlib.suppress(OSError):
            order.send(b"%d" % (code if code >= 0 else 128 - code))
        return 0
    order.close()
    # What is there was opened on other files, and may take a pipe for one that it can seek in.
    for target, (stream, name, mode) in enumerate(zip(streams, ("stdin", "stdout", "stderr"), "rww", strict=True)):
        os.dup2(stream, target)
        os.close(stream)
        setattr(sys, name, open(target, mode, buffering=1, encoding="utf-8", closefd=False))  # noqa: SIM115
    os.chdir(wanted["folder"])
    os.environ.clear()
    os.environ.update(wanted["environment"])
    return _serve(*wanted["words"])


def _serve(module: str, *arguments: str) -> int:
    import logging
    import runpy

    sys.argv = [module, *arguments]
    try:
        runpy.run_module("flux_ls.lsp.__main__" if module == MAIN else module, run_name="__main__")
    except SystemExit as ended:
        code = int(ended.code or 0)
    else:
        code = 0
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    _keep(*sys.argv[1:])
