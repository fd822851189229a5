"""A small language client: what an editor says to a server over its standard input and output."""

import json
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Empty, Queue
from typing import Any

_TIMEOUT_S = 20.0
Message = dict[str, Any]


class ServerSilent(Exception):
    """The language server did not say in time what was waited for, or ended."""


class LanguageClient:
    """One session with a server, from one thread; columns are code points."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str] | None = None) -> None:
        self._folder = folder
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._messages: Queue[Message] = Queue()
        self._last_id = 0
        threading.Thread(target=self._read, daemon=True).start()

    def initialize(self, options: Message | None = None) -> Message:
        """What the server can do."""
        answer = self.request(
            "initialize",
            {
                "processId": None,
                "rootUri": self._folder.as_uri(),
                "workspaceFolders": [{"uri": self._folder.as_uri(), "name": self._folder.name}],
                "capabilities": {"general": {"positionEncodings": ["utf-32"]}},
                "initializationOptions": options or {},
            },
        )
        self.notify("initialized", {})
        return dict(answer)

    def open(self, file: Path) -> str:
        """Opens a document and returns its URI."""
        uri = file.as_uri()
        document = {"uri": uri, "languageId": "python", "version": 1, "text": file.read_text(encoding="utf-8")}
        self.notify("textDocument/didOpen", {"textDocument": document})
        return uri

    def request(self, method: str, params: object = None) -> Any:
        """The result of a request. Raises ServerSilent, also for an error that the server answers."""
        self._last_id += 1
        sent = self._last_id
        self._send({"id": sent, "method": method, "params": params})
        answer = self.wait(lambda message: message.get("id") == sent and "method" not in message)
        if "error" in answer:
            raise ServerSilent(f"{method}: {answer['error'].get('message')}")
        return answer.get("result")

    def notify(self, method: str, params: object = None) -> None:
        self._send({"method": method, "params": params})

    def wait(self, wanted: Callable[[Message], bool]) -> Message:
        """The next message that is wanted; the others are dropped, and the server's own requests answered with null."""
        while True:
            try:
                message = self._messages.get(timeout=_TIMEOUT_S)
            except Empty:
                raise ServerSilent(f"the language server said nothing for {_TIMEOUT_S:.0f} s") from None
            if not message:
                raise ServerSilent("the language server has ended")
            if wanted(message):
                return message
            if "method" in message and "id" in message:
                self._send({"id": message["id"], "result": None})

    def diagnostics(self, uri: str) -> list[Message]:
        """The next diagnostics that are published for the document and are not empty."""
        message = self.wait(
            lambda message: (
                message.get("method") == "textDocument/publishDiagnostics"
                and message["params"]["uri"] == uri
                and bool(message["params"]["diagnostics"])
            )
        )
        return list(message["params"]["diagnostics"])

    def shut_down(self) -> None:
        self.request("shutdown")
        self.notify("exit")
        self.process.wait(_TIMEOUT_S)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def _send(self, message: Message) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            self.process.stdin.flush()
        except BrokenPipeError:
            raise ServerSilent("the language server has ended") from None

    def _read(self) -> None:
        assert self.process.stdout is not None
        length = 0
        while line := self.process.stdout.readline():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
            elif line == b"\r\n":
                self._messages.put(json.loads(self.process.stdout.read(length)))
        self._messages.put({})
