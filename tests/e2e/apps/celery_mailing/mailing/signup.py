"""Puts a newsletter on the queue: `python -m mailing.signup ADDRESS NAME`."""

import sys

from opentelemetry import trace

from mailing.tasks import send_newsletter


def main(address, name):
    with trace.get_tracer(__name__).start_as_current_span("signup"):
        send_newsletter.delay(address, name)


if __name__ == "__main__":
    main(*sys.argv[1:])
