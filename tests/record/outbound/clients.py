"""One way of calling for each library, and for each kind of call that libraries differ in."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import httpx
import requests
import urllib3
from msgspec import Struct

JSON = {"customer_id": "cus_123", "amount": 2900, "api_key": "sk_live_0123456789abcdef01234567"}
FORM = {"plan": "pro", "password": "hunter2"}
PATIENT_S = 40.0


def patience(url: str) -> float:
    """How long to wait for an answer: not long for one that does not come."""
    return 0.5 if url.endswith("/hangs") else PATIENT_S


class Client(Struct, frozen=True):
    """How a library does it. Each returns what the application gets: the status and the body."""

    name: str
    get: Callable[[str], tuple[int, bytes]]
    post_json: Callable[[str], tuple[int, bytes]]
    post_form: Callable[[str], tuple[int, bytes]]
    some: Callable[[str], tuple[int, bytes]]
    """Reads the first 10 bytes, and no more."""
    follows: bool = True
    """Whether a redirect is part of the call."""


def _requests() -> Client:
    def some(url: str) -> tuple[int, bytes]:
        with requests.get(url, stream=True, timeout=PATIENT_S) as answer:
            return answer.status_code, next(answer.iter_content(10))

    def read(answer: requests.Response) -> tuple[int, bytes]:
        return answer.status_code, answer.content

    return Client(
        "requests",
        lambda url: read(requests.get(url, timeout=patience(url))),
        lambda url: read(requests.post(url, json=JSON, timeout=PATIENT_S)),
        lambda url: read(requests.post(url, data=FORM, timeout=PATIENT_S)),
        some,
    )


def _httpx() -> Client:
    def some(url: str) -> tuple[int, bytes]:
        with httpx.stream("GET", url, timeout=PATIENT_S) as answer:
            return answer.status_code, next(answer.iter_bytes(10))

    def read(answer: httpx.Response) -> tuple[int, bytes]:
        return answer.status_code, answer.content

    return Client(
        "httpx",
        lambda url: read(httpx.get(url, timeout=patience(url))),
        lambda url: read(httpx.post(url, json=JSON, timeout=PATIENT_S)),
        lambda url: read(httpx.post(url, data=FORM, timeout=PATIENT_S)),
        some,
        follows=False,
    )


def _httpx_async() -> Client:
    async def call(method: str, url: str, **given: Any) -> tuple[int, bytes]:
        async with httpx.AsyncClient(timeout=patience(url)) as client:
            answer = await client.request(method, url, **given)
            return answer.status_code, answer.content

    async def some(url: str) -> tuple[int, bytes]:
        async with httpx.AsyncClient(timeout=PATIENT_S) as client, client.stream("GET", url) as answer:
            pieces = answer.aiter_bytes(10)
            first = await anext(pieces)
            await pieces.aclose()  # type: ignore[attr-defined]
            return answer.status_code, first

    return Client(
        "httpx async",
        lambda url: asyncio.run(call("GET", url)),
        lambda url: asyncio.run(call("POST", url, json=JSON)),
        lambda url: asyncio.run(call("POST", url, data=FORM)),
        lambda url: asyncio.run(some(url)),
        follows=False,
    )


def _aiohttp() -> Client:
    async def call(method: str, url: str, **given: Any) -> tuple[int, bytes]:
        timeout = aiohttp.ClientTimeout(total=patience(url))
        async with aiohttp.ClientSession(timeout=timeout) as session, session.request(method, url, **given) as answer:
            return answer.status, await answer.read()

    async def some(url: str) -> tuple[int, bytes]:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status, await answer.content.readexactly(10)

    def run(awaitable: Awaitable[tuple[int, bytes]]) -> tuple[int, bytes]:
        async def main() -> tuple[int, bytes]:
            return await awaitable

        return asyncio.run(main())

    return Client(
        "aiohttp",
        lambda url: run(call("GET", url)),
        lambda url: run(call("POST", url, json=JSON)),
        lambda url: run(call("POST", url, data=FORM)),
        lambda url: run(some(url)),
    )


def _urllib3() -> Client:
    def call(method: str, url: str, **given: Any) -> tuple[int, bytes]:
        with urllib3.PoolManager(retries=False, timeout=patience(url)) as pool:
            answer = pool.request(method, url, **given)
            return answer.status, answer.data

    def some(url: str) -> tuple[int, bytes]:
        with urllib3.PoolManager(timeout=PATIENT_S) as pool:
            answer = pool.request("GET", url, preload_content=False)
            read = answer.read(10)
            answer.close()
            return answer.status, read

    return Client(
        "urllib3",
        lambda url: call("GET", url),
        lambda url: call("POST", url, json=JSON),
        lambda url: call("POST", url, fields=FORM, encode_multipart=False),
        some,
        follows=False,
    )


def _urllib() -> Client:
    import json
    import urllib.request
    from urllib.error import HTTPError
    from urllib.parse import urlencode

    def call(url: str, data: bytes | None = None, kind: str = "", size: int | None = None) -> tuple[int, bytes]:
        request = urllib.request.Request(url, data, {"Content-Type": kind} if kind else {})
        try:
            with urllib.request.urlopen(request, timeout=patience(url)) as answer:
                return answer.status, answer.read() if size is None else answer.read(size)
        except HTTPError as error:
            with error:
                return error.code, error.read()

    return Client(
        "urllib",
        call,
        lambda url: call(url, json.dumps(JSON).encode(), "application/json"),
        lambda url: call(url, urlencode(FORM).encode(), "application/x-www-form-urlencoded"),
        lambda url: call(url, size=10),
    )


CLIENTS = [_requests(), _httpx(), _httpx_async(), _aiohttp(), _urllib3(), _urllib()]
