"""A Django application with every kind of answer: its settings, its views, and its WSGI and ASGI entry points."""

import inspect
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

SECRET_KEY = "for tests only"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = __name__
MIDDLEWARE = ["django.middleware.common.CommonMiddleware", f"{__name__}.gate"]
DEBUG = False
USE_TZ = True

FILE = Path(__file__).with_name("flask_shop.py")


def gate(get_response: Any) -> Any:
    """A middleware that fails."""

    def check(request: Any) -> None:
        if request.path == "/gated":
            raise LookupError("no key")

    async def through_async(request: Any) -> Any:
        check(request)
        return await get_response(request)

    def through(request: Any) -> Any:
        check(request)
        return get_response(request)

    return through_async if inspect.iscoroutinefunction(get_response) else through


gate.sync_capable = gate.async_capable = True  # type: ignore[attr-defined]


def _views() -> list[Any]:
    from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
    from django.urls import path
    from django.views import View
    from django.views.decorators.http import require_http_methods

    @require_http_methods(["POST"])
    def signup(request: HttpRequest) -> HttpResponse:
        return JsonResponse({"id": 42, "email": json.loads(request.body)["email"]}, status=201)

    def plain(request: HttpRequest) -> HttpResponse:
        return HttpResponse("hello")

    def form(request: HttpRequest) -> HttpResponse:
        files = {name: file.size for name, file in request.FILES.items()}
        return JsonResponse({"form": dict(request.POST.lists()), "files": files})

    def size(request: HttpRequest) -> HttpResponse:
        total = 0
        while piece := request.read(1000):
            total += len(piece)
        return HttpResponse(str(total))

    def unread(request: HttpRequest) -> HttpResponse:
        return HttpResponse("not read")

    def lines(request: HttpRequest) -> HttpResponse:
        return HttpResponse(str([len(line) for line in request]))

    def stream(request: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse((f"piece {number}\n" for number in range(5)), content_type="text/plain")

    async def async_stream(request: HttpRequest) -> StreamingHttpResponse:
        async def pieces() -> AsyncIterator[str]:
            for number in range(5):
                yield f"piece {number}\n"

        return StreamingHttpResponse(pieces(), content_type="text/plain")

    def breaks(request: HttpRequest) -> StreamingHttpResponse:
        def pieces() -> Iterator[str]:
            yield "the beginning\n"
            raise ValueError("in the middle")

        return StreamingHttpResponse(pieces(), content_type="text/plain")

    def large(request: HttpRequest) -> HttpResponse:
        return HttpResponse(b"x" * 3_000_000)

    def file(request: HttpRequest) -> FileResponse:
        return FileResponse(FILE.open("rb"), content_type="text/plain")

    def fails(request: HttpRequest) -> HttpResponse:
        order: dict[str, object] = {"items": []}
        return HttpResponse(str(order["total"]))

    async def async_fails(request: HttpRequest) -> HttpResponse:
        order: dict[str, object] = {"items": []}
        return HttpResponse(str(order["total"]))

    class User(View):
        def get(self, request: HttpRequest, number: int) -> HttpResponse:
            if number == 404:
                raise Http404
            return JsonResponse({"id": number})

    return [
        path("signup", signup),
        path("plain", plain),
        path("form", form),
        path("size", size),
        path("unread", unread),
        path("lines", lines),
        path("stream", stream),
        path("async", async_stream),
        path("breaks", breaks),
        path("large", large),
        path("file", file),
        path("fails", fails),
        path("background", async_fails),
        path("users/<int:number>", User.as_view()),
    ]


def __getattr__(name: str) -> Any:
    # Settings are read before views can be imported.
    if name == "urlpatterns":
        globals()["urlpatterns"] = _views()
        return globals()["urlpatterns"]
    if name == "application":
        from django.core.wsgi import get_wsgi_application

        return get_wsgi_application()
    if name == "asgi_application":
        from django.core.asgi import get_asgi_application

        return get_asgi_application()
    raise AttributeError(name)
