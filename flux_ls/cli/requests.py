"""How a request looks in one line."""

from flux_ls.answers.shapes import RequestShape
from flux_ls.cli.phrases import latency
from flux_ls.cli.terminal import Paint, Terminal, clipped, clipped_middle, columns, padded, plain

_WIDEST_NAME = 48
_NARROWEST_NAME = 11
NO_NAME = "(no name)"


class Line:
    """Requests in columns: method, path, status, latency, id. The columns only ever grow, so that lines line up."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._method = 4
        self._name = _NARROWEST_NAME
        self._latency = 5

    def fit(self, request: RequestShape) -> tuple[str, str, str]:
        """Makes room for a request; its method, name and latency as they will be shown."""
        method, name = method_and_name(request)
        time = latency(request.duration_ms)
        self._method = max(self._method, min(columns(method), 8))
        self._latency = max(self._latency, columns(time))
        widest = self._widest_name()
        if self._terminal.is_tty:
            method, name = clipped(method, 8), clipped_middle(name, widest)
        self._name = min(max(self._name, columns(name)), widest)
        return method, name, time

    def _widest_name(self) -> int:
        """What the other columns leave of the terminal's width."""
        if self._terminal.width is None:
            return _WIDEST_NAME
        others = len("    ") + self._method + len("  200  ") + self._latency + len("  req:550e8400") + 1
        return max(_NARROWEST_NAME, min(_WIDEST_NAME, self._terminal.width - others))

    def __call__(self, request: RequestShape, mark: str = "") -> str:
        terminal = self._terminal
        method, name, time = self.fit(request)
        body = (
            f"{padded(method, self._method)} {padded(name, self._name)} {padded(status(request), 4)} "
            f"{padded(time, self._latency)}  req:{request.short_id}"
        )
        line = f"  {padded(mark, 2)}{terminal.paint(body, colour(request))}"
        return line if request.complete else f"{line}  {terminal.paint('(incomplete)', 'warn')}"


def request_line(terminal: Terminal, request: RequestShape) -> str:
    """A request by itself, without columns."""
    method, name = method_and_name(request)
    body = f"{method} {name}  {status(request)}  {latency(request.duration_ms)}  req:{request.short_id}"
    return f"{terminal.paint(body, colour(request))}  {terminal.paint(plain(request.service), 'dim')}"


def error_line(request: RequestShape) -> str | None:
    """What stands under a failed request."""
    if not request.failed:
        return None
    return plain(request.error) if request.error else None


def method_and_name(request: RequestShape) -> tuple[str, str]:
    """Method and path of an HTTP request, `WS` and path of a web socket; for others what it is, and its name."""
    if request.method is not None:
        return plain(request.method), plain(request.path or request.route or request.name) or NO_NAME
    if request.kind == "http" and (path := request.path or request.route):
        return plain(request.name.partition(" ")[0]), plain(path)
    return request.kind, plain(request.name) or NO_NAME


def status(request: RequestShape) -> str:
    if request.status is not None:
        return str(request.status)
    return "err" if request.failed else "ok"


def colour(request: RequestShape) -> Paint:
    if request.failed:
        return "bad"
    return "warn" if request.status is not None and request.status >= 400 else "good"
