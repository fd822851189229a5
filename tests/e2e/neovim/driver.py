"""A real Neovim without a screen, driven over its own RPC on standard input and output."""

import json
import os
import select
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from tests.collector.processes import alive
from tests.e2e.editor import REPOSITORY, WITHOUT_PYTHON, neovim
from tests.e2e.processes import TookTooLong

PLUGIN = REPOSITORY / "editors" / "neovim"
INIT = Path(__file__).with_name("test-init.lua")


class LuaError(AssertionError):
    """Neovim answered with an error."""


class Neovim:
    """One editor. `lua` runs a chunk in it; what the chunk returns comes back as plain values."""

    def __init__(
        self,
        folder: Path,
        *words: str,
        env: Mapping[str, str],
        settings: Mapping[str, Any] | None = None,
        init: Path = INIT,
    ) -> None:
        nvim = neovim()
        assert nvim is not None
        environment = dict(env) | {"FLUX_TEST_PLUGIN": str(PLUGIN), "NVIM_LOG_FILE": os.devnull}
        if settings is not None:
            environment["FLUX_TEST_SETTINGS"] = json.dumps(settings)
        self._process = subprocess.Popen(
            [nvim, "--embed", "--headless", "--clean", *WITHOUT_PYTHON, "-u", init, *words],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._id = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.quit()

    def quit(self) -> int:
        """Leaves as a user would, and waits until the language server has ended too."""
        if self._process.poll() is None:
            servers = self.lua("return vim.api.nvim_get_proc_children(vim.fn.getpid())")
            self._send("nvim_command", ["qall!"])
            try:
                self._process.wait(40)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(5)
                raise
            # A server that outlives its editor would start the collector anew that the test is about to end.
            until(lambda: not any(map(alive, servers)), 40, lambda: f"the servers {servers} to end with their editor")
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        return self._process.returncode

    def lua(self, chunk: str, *arguments: Any, within: float = 40) -> Any:
        """What the chunk returns; its arguments are `...`. Values travel as JSON, so what Lua has of them is kept."""
        code = (
            "local chunk, arguments = ... "
            "local run = assert(loadstring(chunk)) "
            "local result = run(unpack(vim.json.decode(arguments))) "
            "return vim.json.encode(result == nil and vim.NIL or result)"
        )
        return json.loads(self._call("nvim_exec_lua", [code, [chunk, json.dumps(arguments)]], within))

    def command(self, line: str) -> None:
        """An Ex command, as if typed: what goes wrong in it goes to the messages."""
        self.lua("local line = ... vim.schedule(function() vim.cmd(line) end)", line)

    def keys(self, keys: str) -> None:
        """Types keys, mappings included, such as `<CR>`."""
        self.lua("vim.api.nvim_feedkeys(vim.keycode(...), 'mx', false)", keys)

    def eventually(self, chunk: str, *arguments: Any, within: float = 40, what: str = "") -> Any:
        """The first true answer of the chunk."""
        return until(lambda: self.lua(chunk, *arguments), within, lambda: f"{what or chunk}\n{self.state()}")

    def lines(self) -> list[str]:
        """The text of the current buffer."""
        return list(self.lua("return vim.api.nvim_buf_get_lines(0, 0, -1, false)"))

    def place(self) -> tuple[str, int, int]:
        """File name, line and byte column of the cursor, both from 1."""
        name, line, column = self.lua(
            "local at = vim.api.nvim_win_get_cursor(0) return { vim.api.nvim_buf_get_name(0), at[1], at[2] + 1 }"
        )
        return Path(name).name, line, column

    def messages(self) -> str:
        """Everything that was said so far."""
        return str(self.lua("return vim.api.nvim_exec2('messages', { output = true }).output"))

    def state(self) -> str:
        """What to know when something did not come."""
        return str(
            self.lua(
                """
                local clients = vim.tbl_map(function(client)
                  return { client.name, client.initialized, client:is_stopped(), client.root_dir }
                end, vim.lsp.get_clients({ _uninitialized = true }))
                return vim.inspect({
                  clients = clients,
                  buffer = vim.api.nvim_buf_get_name(0),
                  lines = vim.api.nvim_buf_get_lines(0, 0, 40, false),
                  diagnostics = vim.tbl_map(function(found)
                    return { found.lnum, found.message }
                  end, vim.diagnostic.get()),
                  messages = vim.api.nvim_exec2('messages', { output = true }).output,
                })
                """
            )
        )

    def open(self, path: Path, line: int = 1) -> None:
        """Edits a file and waits for the language server."""
        self.lua("vim.cmd.edit(vim.fn.fnameescape((...)))", str(path))
        self.lua("vim.api.nvim_win_set_cursor(0, { (...), 0 })", line)
        self.attached()

    def attached(self) -> None:
        self.eventually(
            "local c = vim.lsp.get_clients({ name = 'flux', bufnr = 0 })[1] return c ~= nil and c.initialized == true",
            what="the server to attach",
        )

    def _send(self, method: str, parameters: list[Any]) -> int:
        assert self._process.stdin is not None
        self._id += 1
        self._process.stdin.write(msgspec.msgpack.encode([0, self._id, method, parameters]))
        self._process.stdin.flush()
        return self._id

    def _call(self, method: str, parameters: list[Any], within: float) -> Any:
        asked = self._send(method, parameters)
        assert self._process.stdout is not None
        deadline, received = time.monotonic() + within, b""
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._process.stdout], [], [], left)[0]:
                self._process.kill()
                raise TookTooLong(f"Neovim did not answer {method} {str(parameters)[:300]} within {within:g} s")
            more = os.read(self._process.stdout.fileno(), 1 << 20)
            if not more:
                assert self._process.stderr is not None
                raise LuaError(f"Neovim ended: {self._process.stderr.read().decode(errors='replace')}")
            received += more
            try:
                kind, answered, error, result = msgspec.msgpack.decode(received)
            except msgspec.DecodeError:
                continue  # Not all of it is here yet.
            assert (kind, answered) == (1, asked)
            if error is not None:
                raise LuaError(error[1] if isinstance(error, list) else str(error))
            return result


def until(probe: Callable[[], Any], within: float, what: Callable[[], str]) -> Any:
    """The first true answer of `probe`; after `within` seconds, a failure that says `what` was waited for."""
    deadline = time.monotonic() + within
    while not (answer := probe()):
        if time.monotonic() > deadline:
            raise TookTooLong(f"waited {within:g} s for {what()}")
        time.sleep(0.02)
    return answer
