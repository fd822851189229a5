"""What the OpenTelemetry variables of an environment say about where its telemetry goes."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from flux_ls.answers.shapes import Check
from flux_ls.collector.found import Collector
from flux_ls.config import Settings

_LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0")
_SWITCHED_OFF = ("OTEL_SDK_DISABLED", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_EXPORTER")


def check_exporter(environ: Mapping[str, str], settings: Settings, collector: Collector | None) -> Check:
    """Whether a service started in this environment would send to the collector, as far as variables decide it."""
    http_port = collector.http_port if collector is not None else settings.otlp_http_port
    grpc_port = collector.grpc_port if collector is not None else settings.otlp_grpc_port
    return _switched_off(environ) or _sent_to(environ, http_port, grpc_port)


def _switched_off(environ: Mapping[str, str]) -> Check | None:
    values = {name: environ.get(name, "").strip().lower() for name in _SWITCHED_OFF}
    exporters = [part.strip() for part in values["OTEL_TRACES_EXPORTER"].split(",") if part.strip()]
    if values["OTEL_SDK_DISABLED"] == "true":
        return _broken("OTEL_SDK_DISABLED=true keeps OpenTelemetry from recording anything", "unset OTEL_SDK_DISABLED")
    if values["OTEL_TRACES_SAMPLER"] in ("always_off", "parentbased_always_off"):
        return _broken(
            f"OTEL_TRACES_SAMPLER={values['OTEL_TRACES_SAMPLER']} drops every trace", "unset OTEL_TRACES_SAMPLER"
        )
    if exporters and not any(part.startswith("otlp") for part in exporters):
        return _broken(
            f"OTEL_TRACES_EXPORTER={','.join(exporters)} does not send OTLP", "set OTEL_TRACES_EXPORTER=otlp"
        )
    return None


def _sent_to(environ: Mapping[str, str], http_port: int, grpc_port: int) -> Check:
    name = next(
        (name for name in ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT") if environ.get(name)),
        None,
    )
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") or ""
    right = f"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:{http_port}"
    http = "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"
    if name is None:
        if (http_port, grpc_port) == (4318, 4317):
            return Check(
                "exporter", True, "nothing is set here, so exporters send to the standard ports, where Flux is"
            )
        return Check(
            "exporter", True, "nothing is set here, so exporters send to the standard ports, where Flux is not", right
        )
    endpoint = environ[name].strip()
    given = f"{name}={endpoint}"
    try:
        url = urlsplit(endpoint if "://" in endpoint else f"http://{endpoint}")
        port = url.port or (443 if url.scheme == "https" else 80)
    except ValueError:
        return _broken(f"{given} is no address", f"{right} {http}")
    if url.hostname not in _LOOPBACK:
        return _broken(
            f"{given} sends to another machine", f"{right}, or a second exporter there that forwards to this machine"
        )
    if port not in (http_port, grpc_port):
        return _broken(
            f"{given} sends to port {port}; Flux listens on {http_port} and {grpc_port or 'no other'}", right
        )
    if url.scheme == "https":
        return _broken(f"{given} speaks TLS; Flux listens on this machine only, without", right)
    if port == http_port and protocol == "grpc":
        return _broken(f"{given} is the HTTP port, but the protocol is grpc", f"{http}, or port {grpc_port}")
    if port == grpc_port and protocol.startswith("http"):
        return _broken(f"{given} is the gRPC port, but the protocol is {protocol}", right)
    if port == http_port and name.endswith("TRACES_ENDPOINT") and not url.path.rstrip("/").endswith("/v1/traces"):
        return _broken(
            f"{given} is taken as it is, without /v1/traces", f"{name}=http://127.0.0.1:{http_port}/v1/traces"
        )
    detail = f"{given}{f' ({protocol})' if protocol else ''}"
    if port == http_port and not protocol:
        # gRPC is what most SDKs take the endpoint for unless they are told.
        return Check("exporter", True, f"{detail}, no protocol set", f"set {http}: some SDKs speak gRPC unless told")
    return Check("exporter", True, detail)


def _broken(detail: str, mend: str) -> Check:
    return Check("exporter", False, detail, mend)
