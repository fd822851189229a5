"""A piece of a generated test that is the same in all of them. What is generated needs nothing of Flux."""

from typing import Literal

from msgspec import Struct

Interface = Literal["wsgi", "asgi", "either"]
Library = Literal["requests", "httpx", "aiohttp", "urllib3", "urllib"]


class Part(Struct, frozen=True):
    """A piece of source, and the imports that it needs."""

    source: str
    imports: tuple[str, ...] = ()
