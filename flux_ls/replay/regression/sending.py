"""The fixed parts of a generated test that send a request in-process: source text, as a formatter leaves it."""

from flux_ls.replay.regression.part import Interface, Part

WSGI = Part(
    '''\
def send_wsgi(application, method, target, headers, body):
    """The status and the body that a WSGI application answers with."""
    path, _, query = target.partition("?")
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)) if body else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in headers:
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    told = []

    def start_response(status, headers, exc_info=None):
        told.append(int(status.split(" ", 1)[0]))

    answer = application(environ, start_response)
    try:
        body = b"".join(answer)
    finally:
        if hasattr(answer, "close"):
            answer.close()
    return told[-1], body
''',
    ("import io", "import sys", "from urllib.parse import unquote_to_bytes"),
)
ASGI = Part(
    '''\
def send_asgi(application, method, target, headers, body):
    """The status and the body that an ASGI application answers with."""
    return asyncio.run(exchange(application, method, target, headers, body))


async def exchange(application, method, target, headers, body):
    """Starts the application, sends it one request, and ends it."""
    path, _, query = target.partition("?")
    asgi = {"version": "3.0", "spec_version": "2.3"}
    state, inbox, started = {}, asyncio.Queue(), asyncio.Event()

    async def tell(message):
        if message["type"].startswith("lifespan.startup"):
            started.set()

    async def live():
        scope = {"type": "lifespan", "asgi": asgi, "state": state}
        try:
            await application(scope, inbox.get, tell)
        except Exception:
            assert not started.is_set()  # It knows nothing of a lifespan.
        finally:
            started.set()

    lifespan = asyncio.create_task(live())
    await inbox.put({"type": "lifespan.startup"})
    await started.wait()
    scope = {
        "type": "http",
        "asgi": asgi,
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [
            (
                name.lower().encode("latin-1", "replace"),
                value.encode("latin-1", "replace"),
            )
            for name, value in headers
        ],
        "client": ("127.0.0.1", 0),
        "server": ("localhost", 80),
        "state": dict(state),
    }
    asked = [{"type": "http.request", "body": body, "more_body": False}]
    told = []

    async def receive():
        return asked.pop() if asked else {"type": "http.disconnect"}

    async def answer(message):
        told.append(message)

    try:
        await application(scope, receive, answer)
    finally:
        await inbox.put({"type": "lifespan.shutdown"})
        await asyncio.wait([lifespan], timeout=5)
        lifespan.cancel()
    status = next(each["status"] for each in told if "status" in each)
    return status, b"".join(each.get("body", b"") for each in told)
''',
    ("import asyncio", "from urllib.parse import unquote"),
)
_SEND = '''\
def send(application, method, target, headers, body):
    """Headers without a value are left out."""
    given = [(name, value) for name, value in headers if value is not None]
    if body:
        given.append(("content-length", str(len(body))))
'''
_EITHER = """\
    called = application if inspect.isfunction(application) else application.__call__
    sends = send_asgi if inspect.iscoroutinefunction(called) else send_wsgi
    return sends(application, method, target, given, body)
"""


def sending(interface: Interface) -> list[Part]:
    """`send`, and what it sends by."""
    if interface == "either":
        return [Part(_SEND + _EITHER, ("import inspect",)), WSGI, ASGI]
    driver = {"wsgi": WSGI, "asgi": ASGI}[interface]
    return [Part(f"{_SEND}    return send_{interface}(application, method, target, given, body)\n"), driver]
