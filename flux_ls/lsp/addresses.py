"""The addresses of Flux's own documents: `flux://request/<id>/why`, `flux://errors`, ..."""

from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from flux_ls.lsp.protocol import CONTENT_SCHEME

_OF_REQUEST = ("why", "trace", "debug", "diff", "replay", "bisect", "explain", "doctor")
_GENERAL = ("errors", "tail", "doctor", "status")
_OF_ROWS = ("history", "blame")
RUNS = ("replay", "bisect")
"""What runs code: its documents show the latest result, and run nothing."""


def forms() -> list[tuple[str, str]]:
    """Every address there is, with the command name that it asks."""
    of_request = [(address(name, "ID"), name) for name in _OF_REQUEST]
    of_rows = [(address(name, table="TABLE", id="PK"), name) for name in _OF_ROWS]
    of_several = [
        (address("replay", ids="ID,ID"), "replay"),
        (address("replay", window="A-B"), "replay"),
        (address("bisect", run="CMD", good="R"), "bisect"),
    ]
    return [*of_request, *of_several, *of_rows, *((address(name), name) for name in _GENERAL)]


def address(name: str, request_id: str | None = None, **parameters: str) -> str:
    """The document that answers a question."""
    query = f"?{urlencode(parameters)}" if parameters else ""
    if request_id is not None:
        return f"{CONTENT_SCHEME}://request/{quote(request_id, safe='')}/{name}{query}"
    return f"{CONTENT_SCHEME}://{name}{query}"


def question_of(uri: str) -> tuple[str, dict[str, object]] | None:
    """The (command name, parameters) behind a document; None for an address that is not ours."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    # Clients also write `flux:/request/...`, and `flux:errors`.
    words = [unquote(word) for word in f"{parts.netloc}/{parts.path}".split("/") if word]
    parameters: dict[str, object] = dict(parse_qsl(parts.query))
    if parts.scheme.lower() != CONTENT_SCHEME or not words:
        return None
    if words[-1] in RUNS:
        if isinstance(ids := parameters.get("ids"), str):
            parameters["ids"] = ids.split(",")
        if "firstParent" in parameters:
            parameters["firstParent"] = parameters["firstParent"] == "true"
        parameters["latest"] = True
    if words[0] == "request" and len(words) == 3 and words[2] in _OF_REQUEST:
        return words[2], {**parameters, "id": words[1]}
    if len(words) == 1 and words[0] in (*_GENERAL, *_OF_ROWS, *RUNS):
        return words[0], parameters
    return None
