"""Outbound HTTP calls, by every library, with and without OpenTelemetry's instrumentation of it."""

import asyncio
import http.client
import json
import traceback
import urllib.request
from collections.abc import Iterator
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import urllib3
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor

from flux_ls.record import outbound
from flux_ls.record.opened import open_recording
from flux_ls.record.recording import OPEN
from tests.e2e.processes import free_ports
from tests.record.outbound.clients import CLIENTS, JSON, Client
from tests.record.outbound.provider import CHARGE, provider
from tests.record.sent import Sent, SentSpan, recorder

INSTRUMENTORS = {
    "requests": RequestsInstrumentor,
    "httpx": HTTPXClientInstrumentor,
    "httpx async": HTTPXClientInstrumentor,
    "aiohttp": AioHttpClientInstrumentor,
    "urllib3": URLLib3Instrumentor,
}
SECRET = "sk_live_0123456789abcdef01234567"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with provider() as url:
        yield url


WAYS = [
    pytest.param((client, way), id=f"{client.name}-{way}")
    for client in CLIENTS
    for way in ("alone", "inside", "outside")
    if way == "alone" or client.name in INSTRUMENTORS
]
"""Without instrumentation; or with it, installed before or after us."""


@pytest.fixture(params=WAYS)
def calling(request: pytest.FixtureRequest) -> tuple[Client, str]:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def client(calling: tuple[Client, str]) -> Client:
    return calling[0]


@pytest.fixture
def sent(calling: tuple[Client, str]) -> Iterator[Sent]:
    client, way = calling
    instrumentor = None if way == "alone" else INSTRUMENTORS[client.name]
    with recorder() as sent:
        if instrumentor is not None and way == "inside":
            instrumentor().instrument(tracer_provider=sent.provider)
        outbound.install()
        if instrumentor is not None and way == "outside":
            instrumentor().instrument(tracer_provider=sent.provider)
        try:
            opened = open_recording("test")
            yield sent
            opened.close()
        finally:
            if instrumentor is not None and way == "outside":
                instrumentor().uninstrument()
            outbound.uninstall()
            if instrumentor is not None and way == "inside":
                instrumentor().uninstrument()


def the_call(sent: Sent) -> SentSpan:
    """The one client span there is."""
    for each in list(OPEN.values()):
        each.close()
    return sent.one(kind="client")


def test_what_is_asked_and_answered(sent: Sent, client: Client, url: str) -> None:
    assert client.post_json(f"{url}/charge?expand=yes&token={SECRET}") == (200, json.dumps(CHARGE).encode())
    call = the_call(sent)
    assert call.input["method"] == "POST"
    assert call.input["url"].startswith(f"{url}/charge?expand=yes&token=")
    assert call.input["headers"]["content-type"].startswith("application/json")
    assert call.input["body"] == {**JSON, "api_key": "[redacted]"}
    assert call.output["status"] == 200
    assert call.output["headers"]["content-type"] == "application/json"
    assert call.output["body"]["amount"] == 2900
    assert SECRET not in str(call)


def test_a_form(sent: Sent, client: Client, url: str) -> None:
    assert client.post_form(f"{url}/echo")[0] == 200
    call = the_call(sent)
    assert call.input["body"] == {"plan": "pro", "password": "[redacted]"}
    assert "hunter2" not in str(call)


def test_a_compressed_answer(sent: Sent, client: Client, url: str) -> None:
    client.get(f"{url}/gzip")
    assert the_call(sent).output["body"]["amount"] == 2900


def test_an_answer_in_pieces(sent: Sent, client: Client, url: str) -> None:
    text = b"".join(b"piece %d\n" % number for number in range(4))
    assert client.get(f"{url}/pieces") == (200, text)
    assert the_call(sent).output["body"] == text.decode()


def test_only_what_is_read(sent: Sent, client: Client, url: str) -> None:
    status, read = client.some(f"{url}/large")
    assert (status, read) == (200, b"x" * 10)
    call = the_call(sent)
    assert call.output["status"] == 200
    assert "x" in str(call.output["body"])


@pytest.mark.parametrize(("path", "status", "body"), [("/down", 503, "try later"), ("/gone", 404, "no such charge")])
def test_bad_news(sent: Sent, client: Client, url: str, path: str, status: int, body: str) -> None:
    assert client.get(url + path) == (status, body.encode())
    call = the_call(sent)
    assert (call.output["status"], call.output["body"]) == (status, body)


def test_a_redirect(sent: Sent, client: Client, url: str) -> None:
    status, _ = client.get(f"{url}/moved")
    call = the_call(sent)
    assert call.input["url"] == f"{url}/moved"
    assert call.output["status"] == status
    if client.follows and client.name != "urllib":
        assert [each["status"] for each in call.output["redirects"]] == [302]


def test_a_timeout(sent: Sent, client: Client, url: str) -> None:
    with pytest.raises(Exception) as raised:  # noqa: PT011 - every library has its own
        client.get(f"{url}/hangs")
    assert "time" in f"{raised.type.__name__} {raised.value}".lower()
    call = the_call(sent)
    assert call.input["url"] == f"{url}/hangs"
    assert call.output is None
    assert call.error is not None


def frames(error: BaseException) -> list[str]:
    """The files of everything that a printed traceback shows."""
    chain: list[BaseException] = [error]
    for each in chain:
        chain += [more for more in (each.__cause__, each.__context__) if more is not None and more not in chain]
    return [entry.filename for each in chain for entry in traceback.extract_tb(each.__traceback__)]


@pytest.mark.parametrize("path", ["/hangs", "refused"])
def test_exceptions_are_as_without(sent: Sent, client: Client, url: str, path: str) -> None:
    (port,) = free_ports(1)
    with pytest.raises(Exception) as raised:  # noqa: PT011 - every library has its own
        client.get(f"{url}/hangs" if path == "/hangs" else f"http://127.0.0.1:{port}/")
    assert not [name for name in frames(raised.value) if "/flux_ls/" in name]


def test_outside_of_a_request_nothing_is_recorded(url: str) -> None:
    with recorder(outbound) as sent:
        for client in CLIENTS:
            assert client.get(f"{url}/charge")[0] == 200
        assert not sent.spans


def test_calls_that_run_at_once(url: str) -> None:
    async def main() -> None:
        async with aiohttp.ClientSession() as session, httpx.AsyncClient() as client:

            async def one(number: int) -> None:
                async with session.post(f"{url}/echo", json={"number": number}) as answer:
                    assert await answer.json() == {"number": number}

            async def other(number: int) -> None:
                assert (await client.post(f"{url}/echo", json={"number": number})).json() == {"number": number}

            await asyncio.gather(*(one(number) for number in range(10)), *(other(number) for number in range(10, 20)))

    with recorder(outbound) as sent:
        opened = open_recording("test")
        asyncio.run(main())
        opened.close()
        calls = [span for span in sent.spans if span.kind == "client"]
        assert sorted(call.input["body"]["number"] for call in calls) == list(range(20))
        assert all(call.output["body"] == call.input["body"] for call in calls)
        assert {call.parent_id for call in calls} == {sent.one("test").span_id}


def test_a_connection_goes_back_to_its_pool(url: str) -> None:
    with recorder(outbound), requests.Session() as session:
        opened = open_recording("test")
        for _ in range(3):
            with session.get(f"{url}/charge", stream=True, timeout=40) as answer:
                assert list(answer.iter_content(7)) == list(_in_sevens(json.dumps(CHARGE).encode()))
        pools = session.get_adapter(url).poolmanager.pools
        assert [pools[key].num_connections for key in pools.keys()] == [1]  # noqa: SIM118 - it is no dict
        opened.close()


def _in_sevens(text: bytes) -> Iterator[bytes]:
    for start in range(0, len(text), 7):
        yield text[start : start + 7]


def test_a_body_that_is_made_while_it_is_sent(url: str) -> None:
    made: list[int] = []

    def pieces() -> Iterator[bytes]:
        for number in range(3):
            made.append(number)
            yield b"piece"

    with recorder(outbound) as sent:
        opened = open_recording("test")
        assert requests.post(f"{url}/echo", data=pieces(), timeout=40).content == b"piece" * 3
        opened.close()
        assert made == [0, 1, 2]
        assert "generator" in str(sent.one(kind="client").input["body"])


def test_uninstall_puts_everything_back() -> None:
    places: list[Any] = [
        requests.Session,
        urllib3.HTTPConnectionPool,
        urllib3.HTTPResponse,
        httpx.Client,
        httpx.AsyncClient,
        httpx.Response,
        aiohttp.ClientSession,
        aiohttp.StreamReader,
        urllib.request.OpenerDirector,
        http.client.HTTPResponse,
    ]
    before = [dict(vars(place)) for place in places]
    with recorder(outbound):
        assert all(dict(vars(place)) != then for place, then in zip(places, before, strict=True))
    assert [dict(vars(place)) for place in places] == before
