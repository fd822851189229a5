"""A port that the collector wants and somebody else has: who it is, in words that name the setting to change."""

from pathlib import Path

from flux_ls.collector.found import health


class PortTaken(Exception):
    """Another program listens on a port of the collector."""

    def __init__(self, port: int, by: str, setting: str) -> None:
        head, *rest = setting.split("_")
        editor = "flux." + head + "".join(word.capitalize() for word in rest)
        super().__init__(
            f"port {port} is taken by {by}: stop it, or choose another port with {setting} "
            f"(FLUX_{setting.upper()}, {editor} in the editor, --{setting.replace('_', '-')})"
        )
        self.port = port
        self.by = by
        self.setting = setting


def holder(port: int, store: Path) -> str:
    """Who listens on the port, as far as asking it tells."""
    answer = health(port)
    receives_otlp = answer is None and _receives_otlp(port)
    if receives_otlp:
        # One that was too busy to say who it is may have come to it by now.
        answer = health(port)
    if answer is not None:
        return f"the Flux collector of {'this' if Path(answer.store) == store else 'another'} store " + (
            f"({answer.store}, process {answer.pid})"
        )
    return "another OpenTelemetry collector" if receives_otlp else "another program"


def _receives_otlp(port: int) -> bool:
    """Whether an empty export, which no receiver keeps, is answered as OTLP says."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1.0)
    try:
        connection.request("POST", "/v1/traces", b"", {"content-type": "application/x-protobuf"})
        response = connection.getresponse()
        return response.status == 200 and response.headers.get_content_type() == "application/x-protobuf"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
