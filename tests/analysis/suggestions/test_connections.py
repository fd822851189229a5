"""Calls to other services, over real HTTP on this machine: too slow, repeated, nobody there."""

import contextlib
import inspect
import select
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from msgspec.structs import replace

from flux_ls.model import Event, Span
from tests.analysis.suggestions.broken import Snippet, call_out
from tests.e2e.processes import free_port

SLOW_S = 0.15
ANSWERS = threading.Event()
"""Whether the slow service answers in the end: for who must not wait for that, it waits until they have left."""


@pytest.fixture(scope="module")
def slow() -> Iterator[str]:
    """A service that takes its time."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            if not ANSWERS.is_set():
                select.select([self.connection], [], [], 30)
                return
            time.sleep(SLOW_S)
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            with contextlib.suppress(OSError):  # Nobody waits any more.
                self.wfile.write(b"ok")

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/pay"
    server.shutdown()
    server.server_close()
    thread.join(40)


def waited_for(snippet: Snippet, url: str) -> object:
    """What comes of it where the slow service answers."""
    ANSWERS.set()
    try:
        return snippet.run(url).value
    finally:
        ANSWERS.clear()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Calls without a timeout of their own give up soon."""
    send = requests.Session.request
    names = list(inspect.signature(send).parameters)
    defaults = list(send.__defaults__ or ())
    defaults[names.index("timeout") - len(names)] = SLOW_S / 3
    monkeypatch.setattr(send, "__defaults__", tuple(defaults))
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SLOW_S / 3)
    yield
    socket.setdefaulttimeout(before)


# Each call, with what it is after the edit.
CALLS = {
    "requests": (
        "import requests\n\n\ndef main(url):\n    return requests.post(url, json={}).text\n",
        "requests.post(url, json={}, timeout=10).text",
    ),
    "requests-by-name": (
        "from requests import get as fetch\n\n\ndef main(url):\n    return fetch(url).text\n",
        "fetch(url, timeout=10).text",
    ),
    "requests-multi-line": (
        "import requests\n\n\ndef main(url):\n    return requests.post(\n        url,\n"
        "        json={},  # the é🙂 cart\n    ).text\n",
        "url,\n        json={},  # the é🙂 cart\n        timeout=10,\n    )",
    ),
    "requests-multi-line-without-comma": (
        "import requests\n\n\ndef main(url):\n    answer = requests.post(\n        url,\n"
        "        json={}\n    )\n    return answer.text\n",
        "json={},\n        timeout=10\n    )",
    ),
    "requests-hanging-indent": (
        "import requests\n\n\ndef main(url):\n    answer = requests.post(url,\n"
        "                           json={})\n    return answer.text\n",
        "json={}, timeout=10)",
    ),
    "session": (
        "import requests\n\nsession = requests.Session()\n\n\ndef main(url):\n    return session.get(url).text\n",
        "session.get(url, timeout=10)",
    ),
    "session-with": (
        "import requests\n\n\ndef main(url):\n    with requests.Session() as http:\n"
        "        return http.get(url).text\n",
        "http.get(url, timeout=10)",
    ),
    "session-of-an-object": (
        "import requests\n\n\nclass Bank:\n    def __init__(self):\n        self.http = requests.Session()\n\n"
        "    def pay(self, url):\n        return self.http.request('POST', url).text\n\n\n"
        "def main(url):\n    return Bank().pay(url)\n",
        "self.http.request('POST', url, timeout=10)",
    ),
    "urlopen": (
        "from urllib.request import urlopen\n\n\ndef main(url):\n    return urlopen(url).read().decode()\n",
        "urlopen(url, timeout=10)",
    ),
    "urlopen-by-module": (
        "import urllib.request\n\n\ndef main(url):\n    with urllib.request.urlopen(url) as answer:\n"
        "        return answer.read().decode()\n",
        "urllib.request.urlopen(url, timeout=10)",
    ),
    "nested": (
        "import requests\n\n\ndef clean(text):\n    return text.strip()\n\n\ndef main(url):\n"
        "    return clean(requests.get(clean(url)).text)\n",
        "clean(requests.get(clean(url), timeout=10).text)",
    ),
    "walrus": (
        "import requests\n\n\ndef main(url):\n    if (answer := requests.get(url)).ok:\n        return answer.text\n",
        "(answer := requests.get(url, timeout=10)).ok",
    ),
    "spread": (
        "import requests\n\n\ndef main(url):\n    return requests.get(*[url]).text\n",
        "requests.get(*[url], timeout=10)",
    ),
}


@pytest.mark.parametrize("recorded", [True, False], ids=["all-recorded", "only-the-stack"])
@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_timed_out_without_a_timeout_gets_one(
    name: str, recorded: bool, tmp_path: Path, slow: str, impatient: None
) -> None:
    code, after = CALLS[name]
    snippet = Snippet(tmp_path, code)
    spans = [call_out("GET", slow, 10_011)]
    best = snippet.suggestions(slow, marks=recorded, locals=recorded, spans=spans)[0]
    assert best.title.endswith(" a timeout: timeout=10")
    assert best.evidence.endswith(" has no timeout; this call took 10,011 ms")
    assert " at app.py:" in best.evidence
    assert best.sure
    mended = snippet.mended(best)
    assert after in mended.text
    assert waited_for(mended, slow) == "ok"


WRAPPED = """\
import requests


class Slow(Exception):
    pass


def main(url):
    try:
        answer = requests.get(url)
    except requests.Timeout as err:
        raise Slow("no answer") from HOW
    return answer.text
"""


@pytest.mark.parametrize(("how", "sees"), [("err", True), ("None", False)])
def test_a_timeout_that_was_handled_by_raising_another_error(
    how: str, sees: bool, tmp_path: Path, slow: str, impatient: None
) -> None:
    code = WRAPPED.replace("HOW", how)
    for each in (code, code.replace(" from err", "")) if sees else (code,):
        snippet = Snippet(tmp_path, each)
        found = snippet.suggestions(slow)
        assert ("Give requests.get a timeout: timeout=10" in [each.title for each in found]) == sees
        if sees:
            assert found[0].evidence.startswith("requests.get at app.py:10 has no timeout")
            assert waited_for(snippet.mended(found[0]), slow) == "ok"


HTTPX = "import httpx\n\n\ndef main(url):\n    return httpx.get(url).text\n"


def test_httpx_gives_up_by_itself(tmp_path: Path, slow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx._api

    monkeypatch.setattr(httpx._api.get, "__kwdefaults__", {**httpx._api.get.__kwdefaults__, "timeout": SLOW_S / 3})
    snippet = Snippet(tmp_path, HTTPX)
    best = snippet.suggestions(slow)[0]
    assert best.title == "Give httpx.get a timeout: timeout=10"
    assert best.evidence == "httpx.get at app.py:5 has no timeout of its own: httpx gives up after 5 s by itself"
    assert waited_for(snippet.mended(best), slow) == "ok"


AIOHTTP = """\
import aiohttp


async def main(url):
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as answer:
            return await answer.text()
"""


def test_aiohttp_takes_its_own_kind_of_timeout(tmp_path: Path, slow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import aiohttp.client

    monkeypatch.setattr(aiohttp.client, "DEFAULT_TIMEOUT", aiohttp.ClientTimeout(total=SLOW_S / 3))
    snippet = Snippet(tmp_path, AIOHTTP)
    best = snippet.suggestions(slow)[0]
    assert best.title == "Give session.get a timeout: timeout=aiohttp.ClientTimeout(total=10)"
    mended = snippet.mended(best)
    assert "session.get(url, timeout=aiohttp.ClientTimeout(total=10))" in mended.text
    assert waited_for(mended, slow) == "ok"


# It timed out, and a timeout is there, or may be, or the line has nothing to do with it.
NOT_MISSING = {
    "has-one": "import requests\n\n\ndef main(url):\n    requests.get(url, timeout=0.05)\n",
    "may-have-one": "import requests\n\n\ndef main(url, o={'timeout': 0.05}):\n    requests.get(url, **o)\n",
    "by-position": "from urllib.request import urlopen\n\n\ndef main(url):\n    urlopen(url, None, 0.05)\n",
    "client-has-one": "import httpx\n\n\ndef main(url):\n"
    "    with httpx.Client(timeout=0.05) as c:\n        c.get(url)\n",
    "client-may-have-one": (
        "import httpx\n\n\ndef make():\n    return httpx.Client(timeout=0.05)\n\n\n"
        "def main(url):\n    client = make()\n    client.get(url)\n"
    ),
    "a-raise": "def main(url):\n    raise TimeoutError('timed out')\n",
    "another-get": "def main(url):\n    {}.get(raise_(), None)\n\n\ndef raise_():\n"
    "    raise TimeoutError('timed out')\n",
    "of-the-users-own": (
        "class Bank:\n    def post(self, url):\n        raise TimeoutError('timed out')\n\n\n"
        "def main(url):\n    requests = Bank()\n    requests.post(url)\n"
    ),
    "a-lambda-on-the-line": (
        "import requests\n\n\ndef main(url):\n    later = lambda: requests.get(url); raise TimeoutError('timed out')\n"
    ),
}


@pytest.mark.parametrize("locals", [True, False], ids=["locals", "no-locals"])
@pytest.mark.parametrize("name", NOT_MISSING)
def test_a_call_that_is_not_without_a_timeout_gets_none(name: str, locals: bool, tmp_path: Path, slow: str) -> None:
    found = Snippet(tmp_path, NOT_MISSING[name]).suggestions(slow, locals=locals, marks=False)
    assert [each for each in found if "timeout" in each.title] == []


def test_a_call_that_failed_otherwise_gets_no_timeout(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/"
    found = Snippet(tmp_path, CALLS["requests"][0]).suggestions(url)
    assert not any("timeout" in each.title for each in found)


def test_a_call_that_hung_until_it_was_cut_gets_a_timeout(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def cut() -> None:
            connection, _ = server.accept()
            connection.recv(1000)
            connection.close()

        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        for took_ms, titles in ((9_000, ["Give requests.post a timeout: timeout=10"]), (40, [])):
            thread = threading.Thread(target=cut, daemon=True)
            thread.start()
            found = Snippet(tmp_path, CALLS["requests"][0]).suggestions(url, spans=[call_out("POST", url, took_ms)])
            thread.join(40)
            assert [each.title for each in found] == titles


POST = CALLS["requests"][0]
GET = POST.replace("post", "get").replace(", json={}", "")


def repeats(tmp_path: Path, code: str, url: str, *spans: object) -> list[tuple[str, str]]:
    found = Snippet(tmp_path, code).suggestions(url, spans=spans)
    return [(each.title, each.evidence) for each in found if "Idempotency" in each.title]


def test_a_post_that_may_have_been_carried_out(tmp_path: Path, slow: str, impatient: None) -> None:
    once = [call_out("POST", slow, 10_011)]
    assert repeats(tmp_path, POST, slow, *once) == [
        (
            "Send an Idempotency-Key with the POST before it is retried",
            f"POST {slow} was not answered within 10,011 ms: it may have been carried out",
        )
    ]
    thrice = [call_out("POST", slow, 5_000, number=number) for number in (1, 2, 3)]
    assert repeats(tmp_path, POST, slow, *thrice) == [
        (
            "Send an Idempotency-Key with the POST: it is repeated",
            f"POST {slow} was sent 3 times and never answered in time: each may have been carried out",
        )
    ]


def test_a_secret_in_the_address_is_not_told(tmp_path: Path, slow: str, impatient: None) -> None:
    url = slow.replace("http://", "http://ada:hunter2@") + "?key=s3cret#f"
    ((_, evidence),) = repeats(tmp_path, POST, slow, call_out("POST", url, 10))
    assert evidence.startswith(f"POST {slow} was not answered")


def test_what_can_be_repeated_is_left_alone(tmp_path: Path, slow: str, impatient: None) -> None:
    assert repeats(tmp_path, GET, slow, call_out("GET", slow, 10)) == []
    assert repeats(tmp_path, POST, slow) == []
    answered = call_out("POST", slow, 10, status=500)
    assert repeats(tmp_path, POST, slow, answered) == []
    keyed = call_out("POST", slow, 10, **{"flux.input": '{"headers": {"Idempotency-Key": "ik_1"}}'})
    assert repeats(tmp_path, POST, slow, keyed) == []
    code = POST.replace("json={}", "json={}, headers={'Idempotency-Key': 'x'}")
    assert repeats(tmp_path, code, slow, call_out("POST", slow, 10)) == []


REFUSED = {
    "requests": "import requests\n\n\ndef main(url):\n    requests.get(url)\n",
    "httpx": "import httpx\n\n\ndef main(url):\n    httpx.get(url)\n",
    "urllib": "import urllib.request\n\n\ndef main(url):\n    urllib.request.urlopen(url)\n",
    "aiohttp": (
        "import aiohttp\n\n\nasync def main(url):\n    async with aiohttp.ClientSession() as session:\n"
        "        await session.get(url)\n"
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_connection_names_the_address(name: str, tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/rates"
    found = Snippet(tmp_path, REFUSED[name]).suggestions(url, spans=[call_out("GET", url, 3)])
    assert [each.title for each in found] == [f"Start what should listen on 127.0.0.1:{port}, or correct the address"]
    assert "the connection that app.py:" in found[0].evidence
    assert found[0].edit is None


def test_a_refused_connection_without_an_address_gets_nothing(tmp_path: Path) -> None:
    code = f"import socket\n\n\ndef main():\n    socket.create_connection(('127.0.0.1', {free_port()}))\n"
    assert Snippet(tmp_path, code).suggestions() == ()


RAISED_OVER = """import requests


class Unpaid(Exception):
    pass


def main(url):
    try:
        return requests.post(url, json={}, timeout=0.05).text
    except requests.Timeout:
        raise Unpaid("no answer from the provider")
"""
AWAITED = """import httpx


async def main(url):
    async with httpx.AsyncClient(timeout=0.05) as client:
        return await client.post(url, json={})
"""


@pytest.mark.parametrize("code", [RAISED_OVER, AWAITED], ids=["another error was raised over it", "it was awaited"])
def test_a_post_that_timed_out_further_in(code: str, tmp_path: Path, slow: str) -> None:
    titles = [title for title, _ in repeats(tmp_path, code, slow, call_out("POST", slow, 1_005))]
    assert titles == ["Send an Idempotency-Key with the POST before it is retried"]


def open_around(call: Span, outcome: str, *tables: str, ends_ms: float = 1) -> Span:
    """The recorder's span of a transaction that was open from before the call."""
    key = {"db.collection.name": "", "flux.row.key": '{"id": 1}', "flux.row.operation": "update"}
    key |= {"flux.row.before": '{"n": 1}', "flux.row.after": '{"n": 2}', "flux.row.outcome": outcome}
    began = call.start_ns - 8_000_000
    events = [Event("flux.row_change", began + 1, {**key, "db.collection.name": table}) for table in tables]
    return replace(
        call,
        span_id="00000000000000bb",
        name="transaction",
        kind="internal",
        start_ns=began,
        end_ns=call.end_ns + int(ends_ms * 1e6),
        status="unset",
        attributes={"flux.transaction.outcome": outcome},
        events=tuple(events),
    )


def held(tmp_path: Path, url: str, *spans: Span, code: str = RAISED_OVER) -> list[str]:
    found = Snippet(tmp_path, code).suggestions(url, spans=spans)
    return [f"{each.title}: {each.evidence}" for each in found if "transaction" in each.title]


def test_a_transaction_that_was_open_meanwhile(tmp_path: Path, slow: str) -> None:
    call = call_out("POST", slow, 1_005)
    assert held(tmp_path, slow, call, open_around(call, "rolled_back", "users", "users", "charges")) == [
        "Make the POST before or after the transaction, or in a background step: a transaction that wrote to users,"
        f" charges was open for 1,014 ms, 1,005 ms of them waiting for POST {slow}, and was rolled back"
    ]
    (told,) = held(tmp_path, slow, call, open_around(call, "committed", "users"))
    assert "rolled back" not in told


def test_a_transaction_that_has_nothing_to_do_with_it(tmp_path: Path, slow: str) -> None:
    call = call_out("POST", slow, 1_005)
    assert held(tmp_path, slow, call) == []
    assert held(tmp_path, slow, call, open_around(call, "committed")) == [], "nothing was written in it"
    assert held(tmp_path, slow, call, open_around(call, "committed", "users", ends_ms=-500)) == [], "it ended before"
    quick = call_out("POST", slow, 40)
    assert held(tmp_path, slow, quick, open_around(quick, "committed", "users")) == []
    refused = "def main(url):\n    raise ValueError('no plan')\n"
    assert held(tmp_path, slow, call, open_around(call, "rolled_back", "users"), code=refused) == []
