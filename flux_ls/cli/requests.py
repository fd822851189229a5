"""How a request looks in one line."""

from flux_ls.answers.shapes import RequestShape
from flux_ls.cli.phrases import latency
from flux_ls.cli.terminal import Paint, Terminal, clipped_middle, columns, padded, plain

_WIDEST_NAME = 48


class Line:
    """Requests in columns: method, path, status, latency, id. The columns only ever grow, so that lines line up."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._method = 4
        self._name = 11
        self._latency = 5

    def fit(self, request: RequestShape) -> tuple[str, str, str]:
        """Makes room for a request; its method, name and latency as they will be shown."""
        method, name = method_and_name(request)
        if self._terminal.is_tty:
            name = clipped_middle(name, _WIDEST_NAME)
        time = latency(request.duration_ms)
        self._method = max(self._method, min(columns(method), 8))
        self._name = max(self._name, min(columns(name), _WIDEST_NAME))
        self._latency = max(self._latency, columns(time))
        return method, name, time

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
    """Method and path of an HTTP request; for others what it is, and its name."""
    if request.method is not None:
        return plain(request.method), plain(request.path or request.route or request.name)
    return request.kind, plain(request.name)


def status(request: RequestShape) -> str:
    if request.status is not None:
        return str(request.status)
    return "err" if request.failed else "ok"


def colour(request: RequestShape) -> Paint:
    if request.failed:
        return "bad"
    return "warn" if request.status is not None and request.status >= 400 else "good"
