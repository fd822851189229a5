"""The same application on Starlette and on FastAPI, with every kind of answer."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import fastapi
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

done: list[str] = []
FILE = Path(__file__).with_name("flask_shop.py")


async def signup(request: Request) -> Response:
    given = await request.json()
    return JSONResponse({"id": 42, "email": given["email"]}, 201)


async def plain(request: Request) -> Response:
    return PlainTextResponse("hello")


def synchronous(request: Request) -> Response:
    return PlainTextResponse("from a thread")


async def form(request: Request) -> Response:
    async with request.form() as given:
        out = {name: value if isinstance(value, str) else len(await value.read()) for name, value in given.items()}
    return JSONResponse(out)


async def size(request: Request) -> Response:
    total = 0
    async for piece in request.stream():
        total += len(piece)
    return PlainTextResponse(str(total))


async def unread(request: Request) -> Response:
    return PlainTextResponse("not read")


async def stream(request: Request) -> Response:
    async def pieces() -> AsyncIterator[str]:
        for number in range(5):
            yield f"piece {number}\n"

    return StreamingResponse(pieces(), media_type="text/plain")


async def breaks(request: Request) -> Response:
    def pieces() -> Iterator[str]:
        yield "the beginning\n"
        raise ValueError("in the middle")

    return StreamingResponse(pieces(), media_type="text/plain")


async def large(request: Request) -> Response:
    return Response(b"x" * 3_000_000)


async def file(request: Request) -> Response:
    return FileResponse(FILE, media_type="text/plain")


async def none(request: Request) -> Response:
    return Response(status_code=204)


async def fails(request: Request) -> Response:
    order: dict[str, object] = {"items": []}
    return PlainTextResponse(str(order["total"]))


async def closes(request: Request) -> Response:
    return PlainTextResponse("closing", background=BackgroundTask(done.append, "closed"))


async def background(request: Request) -> Response:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("in the background")

    return PlainTextResponse("accepted", 202, background=BackgroundTask(fail))


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text((await socket.receive_text())[::-1])
    await socket.close()


async def raw(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"a", "more_body": True})
    await send({"type": "http.response.body", "body": b"b"})


ROUTES: dict[str, tuple[Any, list[str]]] = {
    "/signup": (signup, ["POST"]),
    "/plain": (plain, ["GET"]),
    "/sync": (synchronous, ["GET"]),
    "/form": (form, ["POST"]),
    "/size": (size, ["POST"]),
    "/unread": (unread, ["POST"]),
    "/stream": (stream, ["GET"]),
    "/breaks": (breaks, ["GET"]),
    "/large": (large, ["GET"]),
    "/file": (file, ["GET"]),
    "/none": (none, ["GET"]),
    "/fails": (fails, ["GET"]),
    "/closes": (closes, ["GET"]),
    "/background": (background, ["POST"]),
}


def starlette(**config: Any) -> Starlette:
    import starlette.applications

    routes = [Route(path, function, methods=methods) for path, (function, methods) in ROUTES.items()]
    return starlette.applications.Starlette(
        routes=[*routes, WebSocketRoute("/echo", echo), Mount("/raw", raw)], **config
    )


class Order(BaseModel):
    email: str
    plan: str = "free"


def fast(**config: Any) -> fastapi.FastAPI:
    app = fastapi.FastAPI(**config)
    for path, (function, methods) in ROUTES.items():
        if path not in ("/signup", "/fails"):
            app.add_route(path, function, methods=methods)
    app.router.routes.append(WebSocketRoute("/echo", echo))
    app.mount("/raw", raw)

    @app.post("/signup", status_code=201)
    async def create(order: Order, ref: str = "none") -> dict[str, object]:
        return {"id": 42, "email": order.email}

    @app.get("/users/{number}")
    def user(number: int) -> dict[str, int]:
        return {"id": number}

    @app.get("/fails")
    def fail() -> str:
        order: dict[str, object] = {"items": []}
        return str(order["total"])

    return app
