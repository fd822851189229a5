"""A request to a WSGI application, in this process."""

import io
import sys
from typing import Any
from urllib.parse import unquote_to_bytes

from flux_ls.replay.child import failures
from flux_ls.replay.child.exchange import Answered, Sent


def run(app: Any, sent: Sent, answered: Answered) -> None:
    """Fills in the answer; an exception that leaves the application is noted, as a server would."""

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        if exc_info is not None:
            failures.saw(exc_info[1])
        answered.status = int(status.split(" ", 1)[0])
        answered.headers = [(str(name), str(value)) for name, value in headers]
        return answered.add

    try:
        pieces = app(environ_of(sent), start_response)
        try:
            for piece in pieces:
                if not answered.add(piece):
                    break
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()
    except BaseException as error:
        failures.saw(error)
        answered.status = 500


def environ_of(sent: Sent) -> dict[str, Any]:
    host, port = sent.address
    environ: dict[str, Any] = {
        "REQUEST_METHOD": sent.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(sent.path).decode("latin-1"),
        "QUERY_STRING": sent.query,
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "0",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": sent.scheme,
        "wsgi.input": io.BytesIO(sent.body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if sent.raw_target:
        environ["RAW_URI"] = environ["REQUEST_URI"] = sent.path + (f"?{sent.query}" if sent.query else "")
    for name, value in sent.headers:
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        if key in environ:
            value = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{value}"
        environ[key] = value
    return environ
