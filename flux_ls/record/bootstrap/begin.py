"""The first step of the recorder in a process that `flux run` started."""

from flux_ls.record.starting import start


def begin() -> None:
    # It says what is missing by an ImportError, and whoever asked tells the user.
    import msgspec  # noqa: F401
    import opentelemetry.instrumentation.instrumentor
    import opentelemetry.sdk.trace  # noqa: F401
    import wrapt  # noqa: F401

    start()
