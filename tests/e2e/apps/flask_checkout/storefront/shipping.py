"""Prices and stock of the carriers: one that is down is no reason to fail."""

from opentelemetry import trace

tracer = trace.get_tracer(__name__)


class CarrierDown(Exception):
    pass


def quote(country):
    with tracer.start_as_current_span("carrier quote"):
        raise CarrierDown(f"no answer for {country}")  # <- fault: fallback


def price(country):
    try:
        return quote(country)
    except CarrierDown:
        return 990


def take(sku, attempt):
    with tracer.start_as_current_span("warehouse take", attributes={"attempt": attempt}):
        if attempt == 1:
            raise ConnectionResetError(f"warehouse hung up on {sku}")  # <- fault: retry
        return attempt


def reserve(sku):
    try:
        return take(sku, attempt=1)
    except ConnectionResetError:
        return take(sku, attempt=2)
