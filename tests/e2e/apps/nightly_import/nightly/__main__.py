"""A job that imports files side by side: `python -m nightly`."""

import asyncio

from opentelemetry import trace

from nightly.importer import import_all

tracer = trace.get_tracer(__name__)

with tracer.start_as_current_span("nightly import"):
    asyncio.run(import_all({"good.csv": "1,2", "bad.csv": "1,x"}))
