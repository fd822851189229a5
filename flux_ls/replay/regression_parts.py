"""The fixed parts of a generated regression test: they send a request in-process, and answer the calls that it makes.

They are source text, in the form that a formatter gives to it. What is generated needs nothing of Flux.
"""

from typing import Literal

from msgspec import Struct

Interface = Literal["wsgi", "asgi", "either"]
Library = Literal["requests", "httpx", "aiohttp", "urllib3", "urllib"]


class Part(Struct, frozen=True):
    """A piece of source, and the imports that it needs."""

    source: str
    imports: tuple[str, ...] = ()


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
SEND: dict[Interface, Part] = {
    "wsgi": Part(
        '''\
def send(application, method, target, headers, body):
    """Headers without a value are left out."""
    given = [(name, value) for name, value in headers if value is not None]
    if body:
        given.append(("content-length", str(len(body))))
    return send_wsgi(application, method, target, given, body)
'''
    ),
    "asgi": Part(
        '''\
def send(application, method, target, headers, body):
    """Headers without a value are left out."""
    given = [(name, value) for name, value in headers if value is not None]
    if body:
        given.append(("content-length", str(len(body))))
    return send_asgi(application, method, target, given, body)
'''
    ),
    "either": Part(
        '''\
def send(application, method, target, headers, body):
    """Headers without a value are left out."""
    given = [(name, value) for name, value in headers if value is not None]
    if body:
        given.append(("content-length", str(len(body))))
    called = application if inspect.isfunction(application) else application.__call__
    sends = send_asgi if inspect.iscoroutinefunction(called) else send_wsgi
    return sends(application, method, target, given, body)
''',
        ("import inspect",),
    ),
}
OFFLINE = Part(
    '''\
@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Nothing beyond this machine is reached."""
    connect = socket.socket.connect

    def local(self, address):
        if isinstance(address, tuple):
            assert address[0] in ("127.0.0.1", "::1", "localhost"), (
                f"connects to {address}"
            )
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", local)
''',
    ("import socket",),
)
OUTBOUND = Part(
    '''\
class Outbound:
    """Answers calls to other services as they were recorded."""

    def __init__(self, calls):
        self.left = list(calls)
        self.answered = []

    def answer(self, method, url):
        """The recorded call that this one is: the first that was not answered yet."""
        for call in self.left:
            if call["method"] == method.upper() and same(call["url"], url):
                self.left.remove(call)
                self.answered.append(call)
                return call
        for call in reversed(self.answered):
            if call["method"] == method.upper() and same(call["url"], url):
                return call
        raise AssertionError(
            f"{method} {url} was not recorded: add its answer to CALLS"
        )


def same(recorded, asked):
    """Whether both are one address, whatever stood where something was redacted."""
    ours, theirs = urlsplit(recorded), urlsplit(asked)
    if (ours.netloc, ours.path or "/") != (theirs.netloc, theirs.path or "/"):
        return False
    ours, theirs = parse_qs(ours.query), parse_qs(theirs.query)
    return ours.keys() == theirs.keys() and all(
        "[redacted]" in str(value) or value == theirs[name]
        for name, value in ours.items()
    )


def body_of(call):
    return call["body"].encode() if isinstance(call["body"], str) else call["body"]
''',
    ("from urllib.parse import parse_qs, urlsplit",),
)
LIBRARIES: dict[Library, Part] = {
    "requests": Part(
        """\
def answer_requests(monkeypatch, outbound):
    def send(self, request, **options):
        call = outbound.answer(request.method, request.url)
        if call["error"]:
            known = requests.exceptions
            kind = getattr(known, call["error"], known.ConnectionError)
            raise kind("as it was recorded", request=request)
        response = requests.Response()
        response.status_code = call["status"]
        response.headers.update(call["headers"])
        response.raw = io.BytesIO(body_of(call))
        response.encoding = requests.utils.get_encoding_from_headers(response.headers)
        response.url, response.request = request.url, request
        return response

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
""",
        ("import io", "import requests"),
    ),
    "httpx": Part(
        """\
def answer_httpx(monkeypatch, outbound):
    def answered(request):
        call = outbound.answer(request.method, str(request.url))
        if call["error"]:
            kind = getattr(httpx, call["error"], httpx.ConnectError)
            raise kind("as it was recorded", request=request)
        return httpx.Response(
            call["status"],
            headers=call["headers"],
            content=body_of(call),
            request=request,
        )

    async def answered_async(self, request):
        return answered(request)

    def answered_sync(self, request):
        return answered(request)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", answered_sync)
    monkeypatch.setattr(
        httpx.AsyncHTTPTransport, "handle_async_request", answered_async
    )
""",
        ("import httpx",),
    ),
    "aiohttp": Part(
        '''\
class AiohttpAnswer:
    """What is used of a response of aiohttp."""

    def __init__(self, call, url):
        self.status, self.url = call["status"], url
        self.ok, self.reason = self.status < 400, ""
        self.headers = dict(call["headers"])
        self._body = body_of(call)

    async def read(self):
        return self._body

    async def text(self, encoding="utf-8", errors="strict"):
        return self._body.decode(encoding or "utf-8", errors)

    async def json(self, **options):
        return json.loads(self._body)

    def raise_for_status(self):
        if not self.ok:
            raise aiohttp.ClientResponseError(None, (), status=self.status)

    def release(self):
        pass

    close = release

    async def wait_for_close(self):
        pass

    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        pass


def answer_aiohttp(monkeypatch, outbound):
    async def request(self, method, url, **options):
        url = self._build_url(url).update_query(options.get("params") or {})
        call = outbound.answer(method, str(url))
        if call["error"]:
            raise getattr(aiohttp, call["error"], aiohttp.ClientConnectionError)()
        return AiohttpAnswer(call, url)

    monkeypatch.setattr(aiohttp.ClientSession, "_request", request)
''',
        ("import json", "import aiohttp"),
    ),
    "urllib3": Part(
        """\
def answer_urllib3(monkeypatch, outbound):
    def urlopen(self, method, url, *words, preload_content=True, **options):
        port = "" if self.port in (None, 80, 443) else f":{self.port}"
        call = outbound.answer(method, f"{self.scheme}://{self.host}{port}{url}")
        if call["error"]:
            raise urllib3.exceptions.ProtocolError("as it was recorded")
        return urllib3.HTTPResponse(
            io.BytesIO(body_of(call)),
            headers=dict(call["headers"]),
            status=call["status"],
            preload_content=preload_content,
        )

    monkeypatch.setattr(urllib3.HTTPConnectionPool, "urlopen", urlopen)
""",
        ("import io", "import urllib3"),
    ),
    "urllib": Part(
        """\
def answer_urllib(monkeypatch, outbound):
    def opened(self, request, *words, **options):
        if isinstance(request, str):
            request = urllib.request.Request(request, *words[:1])
        url = request.full_url
        call = outbound.answer(request.get_method(), url)
        if call["error"]:
            raise urllib.error.URLError("as it was recorded")
        headers = email.message.Message()
        for name, value in call["headers"]:
            headers[name] = value
        answer = io.BytesIO(body_of(call))
        if call["status"] >= 400:
            raise urllib.error.HTTPError(url, call["status"], "", headers, answer)
        return urllib.response.addinfourl(answer, headers, url, call["status"])

    monkeypatch.setattr(urllib.request.OpenerDirector, "open", opened)
""",
        ("import email.message", "import io", "import urllib.error", "import urllib.request", "import urllib.response"),
    ),
}
