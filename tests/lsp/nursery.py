"""Servers that start quickly: one process imports everything once, and each server is a fork of it.

What a server does first, its imports, is most of the time that a test takes. A forked one runs the same `main`, in a
process of its own, behind a launcher that hands over its standard streams and ends with its exit code.
"""

import contextlib
import functools
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAIN = "flux_ls.lsp"

LAUNCHER = """
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as nursery:
    nursery.connect(sys.argv[1])
    order = json.dumps({"words": sys.argv[2:], "environment": dict(os.environ), "folder": os.getcwd()})
    socket.send_fds(nursery, [order.encode() + b"\\n"], [0, 1, 2])
    for each in (0, 1, 2):
        os.close(each)
    os._exit(int(nursery.recv(16) or b"70"))
"""


def command(module: str = MAIN) -> list[str]:
    """The command that starts a server by the name of its module."""
    if sys.platform != "linux":
        return [sys.executable, "-m", module]
    return [sys.executable, "-I", "-S", "-c", LAUNCHER, _nursery(), module]


@functools.cache
def _nursery() -> str:
    """The address of this process's nursery, which ends with it."""
    address = str(Path(tempfile.mkdtemp(prefix="flux-nursery-")) / "socket")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.lsp.nursery", address],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    _nurseries.append(process)
    return address


_nurseries: list[subprocess.Popen[bytes]] = []


def _keep(address: str) -> None:
    for name in ("flux_ls.lsp.server", "flux_ls.lsp.session", "flux_ls.collector.daemon", "filelock"):
        importlib.import_module(name)
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


def _start(order: socket.socket) -> int:
    """Forks the server and tells its launcher how it ended."""
    said, streams, _, _ = socket.recv_fds(order, 1 << 20, 3)
    while not said.endswith(b"\n"):
        said += order.recv(1 << 20)
    wanted = json.loads(said)
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
    for target, stream in enumerate(streams):
        os.dup2(stream, target)
        os.close(stream)
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
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    _keep(sys.argv[1])
