"""One blocking call at a time in a daemon thread, for what may hang and must not hold up the end of the process."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_background(name: str, call: Callable[[], T]) -> T:
    """The result of `call`. Cancelling forgets the call; it ends by itself, or with the process."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def tell(value: T | None, error: BaseException | None) -> None:
        if result.done():
            return
        if error is not None:
            result.set_exception(error)
        else:
            result.set_result(value)  # type: ignore[arg-type]

    def run() -> None:
        value: T | None = None
        failed: BaseException | None = None
        try:
            value = call()
        except BaseException as error:
            failed = error
        with contextlib.suppress(RuntimeError):  # The loop has ended.
            loop.call_soon_threadsafe(tell, value, failed)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await result
