"""A Flask application with every kind of answer."""

import io
from collections.abc import Iterator

import flask
from flask import Response, request, send_file


def shop(**config: object) -> flask.Flask:
    app = flask.Flask("shop")
    app.config.update(config)

    @app.post("/signup")
    def signup() -> tuple[dict[str, object], int]:
        return {"id": 42, "email": request.get_json()["email"]}, 201

    @app.get("/users/<int:number>")
    def user(number: int) -> dict[str, object]:
        return {"id": number}

    @app.get("/plain")
    def plain() -> str:
        return "hello"

    @app.route("/form", methods=["POST"])
    def form() -> dict[str, object]:
        files = {name: len(file.read()) for name, file in request.files.items()}
        return {"form": request.form.to_dict(), "files": files}

    @app.post("/size")
    def size() -> str:
        total = 0
        while piece := request.stream.read(1000):
            total += len(piece)
        return str(total)

    @app.post("/unread")
    def unread() -> str:
        return "not read"

    @app.post("/some")
    def some() -> bytes:
        return request.stream.read(3)

    @app.post("/lines")
    def lines() -> str:
        return str([len(line) for line in request.stream])

    @app.get("/stream")
    def stream() -> Response:
        def pieces() -> Iterator[str]:
            for number in range(5):
                yield f"piece {number}\n"

        return Response(pieces(), mimetype="text/plain")

    @app.get("/breaks")
    def breaks() -> Response:
        def pieces() -> Iterator[str]:
            yield "the beginning\n"
            raise ValueError("in the middle")

        return Response(pieces(), mimetype="text/plain")

    @app.get("/large")
    def large() -> bytes:
        return b"x" * 3_000_000

    @app.get("/file")
    def file() -> Response:
        return send_file(__file__, mimetype="text/plain", conditional=True, max_age=60)

    @app.get("/memory")
    def memory() -> Response:
        return send_file(io.BytesIO(bytes(range(256))), mimetype="application/octet-stream")

    @app.get("/fresh")
    def fresh() -> Response:
        answer = Response("same")
        answer.set_etag("one")
        return answer.make_conditional(request)

    @app.get("/none")
    def none() -> tuple[str, int]:
        return "", 204

    @app.get("/fails")
    def fails() -> str:
        order = {"items": []}
        return str(order["total"])

    @app.get("/closes")
    def closes() -> Response:
        answer = Response("closing")
        answer.call_on_close(lambda: closed.append("closed"))
        return answer

    @app.get("/raw")
    def raw() -> Response:
        return Response(direct_passthrough=True, response=iter([b"a", b"b"]))

    @app.get("/async")
    async def asynchronous() -> str:
        return "async"

    return app


closed: list[str] = []
