"""Receipts go out after the answer, in a thread."""

import threading
import time

from opentelemetry import trace

tracer = trace.get_tracer(__name__)


def render(order_id):
    lines = {1: "one book"}
    return f"Thank you for {lines[order_id]}"  # <- fault: thread


def send(order_id):
    with tracer.start_as_current_span("send receipt"):
        time.sleep(0.15)
        render(order_id)


def send_later(order_id):
    threading.Thread(target=send, args=(order_id,)).start()
