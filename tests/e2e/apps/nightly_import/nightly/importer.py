import asyncio

from opentelemetry import trace

tracer = trace.get_tracer(__name__)


def parse(text):
    return [int(cell) for cell in text.split(",")]  # <- fault: job


async def import_file(name, text):
    with tracer.start_as_current_span(f"import {name}"):
        await asyncio.sleep(0.01)
        return parse(text)


async def import_all(files):
    async with asyncio.TaskGroup() as tasks:
        for name, text in files.items():
            tasks.create_task(import_file(name, text))
