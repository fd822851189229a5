"""Exceptions that are no failures: an answer such as 404 that a handler gives by raising it, an iterator's end."""

from typing import Final

_ANSWERS: Final = {
    ("werkzeug.exceptions", "HTTPException"): "code",
    ("starlette.exceptions", "HTTPException"): "status_code",
    ("aiohttp.web_exceptions", "HTTPException"): "status_code",
    ("django.http.response", "Http404"): None,
    ("django.core.exceptions", "PermissionDenied"): None,
    ("rest_framework.exceptions", "APIException"): "status_code",
}
"""By module and name of the class: the attribute that holds the status; None if it is always below 500."""

_verdicts: dict[type, str | bool] = {}


def is_answer(error: Exception) -> bool:
    """Whether raising this is a way to answer below 500, or to end an iteration."""
    kind = type(error)
    verdict = _verdicts.get(kind)
    if verdict is None:
        if len(_verdicts) > 1000:  # classes made on the fly
            _verdicts.clear()
        verdict = _verdicts[kind] = _verdict(kind)
    if isinstance(verdict, bool):
        return verdict
    status = getattr(error, verdict, None)
    return isinstance(status, int) and status < 500


def _verdict(kind: type) -> str | bool:
    if issubclass(kind, StopIteration | StopAsyncIteration):
        return True
    for base in kind.__mro__:
        attribute = _ANSWERS.get((base.__module__, base.__name__), False)
        if attribute is not False:
            return True if attribute is None else attribute
    return False
