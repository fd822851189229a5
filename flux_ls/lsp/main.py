"""The entry of `flux-ls`: its arguments, its logging, and one session over the asked-for transport."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flux_ls.lsp.server import FluxServer

USAGE = """\
usage: flux-ls [--stdio | --tcp HOST:PORT] [--version]

The language server of Flux: shows what failed on the line that caused it.

  --stdio          talk over standard input and output (the default)
  --tcp HOST:PORT  wait for one client on a loopback address, such as 127.0.0.1:7658; port 0 takes a free one
  --version        print the version
"""

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one session; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    address: tuple[str, int] | None = None
    while given:
        argument = given.pop(0)
        name, _, value = argument.partition("=")
        if name in ("-h", "--help"):
            sys.stdout.write(USAGE)
            return 0
        if name == "--version":
            from flux_ls import __version__

            sys.stdout.write(f"flux-ls {__version__}\n")
            return 0
        if name == "--tcp":
            address = _address(value or (given.pop(0) if given else ""))
            if address is None:
                return _wrong_use("--tcp takes HOST:PORT with a loopback host (127.0.0.1, ::1 or localhost)")
        elif name not in ("--stdio", "--clientProcessId"):  # VS Code's client passes the latter two by itself.
            return _wrong_use(f"there is no option {argument!r}")
    import logging

    from flux_ls.lsp.server import make_server

    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    return serve(make_server(), address)


def _address(text: str) -> tuple[str, int] | None:
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    return (host, int(port)) if host in LOOPBACK and port.isdigit() and int(port) < 65536 else None


def _wrong_use(problem: str) -> int:
    sys.stderr.write(f"flux-ls: {problem}\n\n{USAGE}")
    return 2


def serve(server: "FluxServer", address: tuple[str, int] | None) -> int:
    """One session over standard input and output, or at a TCP address; returns the exit code."""
    import asyncio
    import os

    from flux_ls.lsp import transport

    async def session() -> None:
        if address is None:
            await transport.over_stdio(server.protocol, server.stop_work)
        else:
            await transport.over_tcp(server.protocol, *address, server.stop_work)

    try:
        asyncio.run(session())
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        sys.stderr.write(f"flux-ls: {error}\n")
        return 1
    if server.stuck:
        # A thread that does not stop would keep the process alive for ever.
        sys.stderr.flush()
        os._exit(server.protocol.exit_code)
    return server.protocol.exit_code


if __name__ == "__main__":
    sys.exit(main())
