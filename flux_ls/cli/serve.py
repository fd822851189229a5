"""`flux serve`: the collector, in the foreground or in the background."""

import logging

import click

from flux_ls.answers.shapes import to_json
from flux_ls.answers.upkeep import CollectorShape, Stopped
from flux_ls.cli.failures import OK
from flux_ls.cli.options import Session, command_options
from flux_ls.collector.daemon import Collector, ensure_collector, find_collector, stop_collector

EPILOG = """\b
Examples:
  flux serve                       until Ctrl-C
  flux serve --background          the one that flux tail and the editor start by themselves
  flux serve --stop
  flux serve --otlp-http-port 14318 --otlp-grpc-port 0

\b
Send to it:
  OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf ...
"""


@click.command(epilog=EPILOG)
@click.option("--background", is_flag=True, help="Start it in the background, unless it runs, and return.")
@click.option("--stop", is_flag=True, help="Stop the collector of the store.")
@command_options(
    "otlp_http_port",
    "otlp_grpc_port",
    "in_app_include",
    "in_app_exclude",
    "retention_days",
    "retention_bytes",
    "idle_exit",
)
def command(session: Session, background: bool, stop: bool) -> int:
    """Run the collector: receive OTLP and keep it.

    It listens on this machine only. What it has answered with 200 is stored for good.
    """
    if background and stop:
        raise click.UsageError("--background and --stop exclude each other")
    if stop:
        return _stop(session)
    if background:
        say(session, ensure_collector(session.settings))
        return OK
    from flux_ls.collector.serve import run

    logging.basicConfig(level=logging.WARNING, format="flux: %(message)s")
    settings = session.settings
    asked = session.loaded.origin["idle_exit"].startswith("--")
    run(
        settings,
        foreground=True,
        idle_exit=settings.idle_exit if asked else 0,
        on_ready=lambda collector: say(session, collector),
    )
    return OK


def _stop(session: Session) -> int:
    running = find_collector(session.settings)
    stopped = stop_collector(session.settings)
    if session.as_json:
        session.terminal.json(to_json(Stopped(stopped)))
    elif stopped and running is not None:
        session.terminal.say(f"Stopped the collector (process {running.pid}).")
    else:
        session.terminal.say(f"No collector runs for {session.settings.store}.")
    return OK


def say(session: Session, collector: Collector) -> None:
    """Where it listens, and what it fills."""
    if session.as_json:
        session.terminal.json(
            to_json(
                CollectorShape(
                    pid=collector.pid,
                    http_port=collector.http_port,
                    grpc_port=collector.grpc_port,
                    store=str(collector.store),
                    version=collector.version,
                )
            )
        )
    else:
        grpc = f" and gRPC 127.0.0.1:{collector.grpc_port}" if collector.grpc_port else ""
        session.terminal.say(f"Receiving OTLP on http://127.0.0.1:{collector.http_port}{grpc}")
        session.terminal.say(f"  store {collector.store}, process {collector.pid}")
    session.terminal.flush()
