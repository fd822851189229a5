"""The fixed parts of a generated test that keep it offline, and answer the calls that the application makes."""

from flux_ls.replay.regression.part import Library, Part

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
    ours, theirs = urlsplit(recorded.replace("[redacted]", "~~")), urlsplit(asked)
    if not fits(ours.netloc, theirs.netloc) or not fits(ours.path, theirs.path or "/"):
        return False
    ours, theirs = parse_qs(ours.query), parse_qs(theirs.query)
    return ours.keys() == theirs.keys() and all(
        fits(str(value), str(theirs[name])) for name, value in ours.items()
    )


def fits(recorded, asked):
    """Whether one is the other where nothing was redacted."""
    pieces = map(re.escape, (recorded or "/").split("~~"))
    return re.fullmatch(".*".join(pieces), asked) is not None


def body_of(call):
    return call["body"].encode() if isinstance(call["body"], str) else call["body"]
''',
    ("import re", "from urllib.parse import parse_qs, urlsplit"),
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
