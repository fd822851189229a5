"""The background collector: `python -m flux_ls.collector SETTINGS`, started by `daemon.ensure_collector`."""

import logging
import os
import sys
from pathlib import Path

_LOG_LIMIT = 1024 * 1024
_LOG_KEPT = 256 * 1024


class BoundedLog(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to standard error, which is the collector's log file, and keeps the file small."""

    def __init__(self, file: Path) -> None:
        super().__init__(sys.stderr)
        self._file = file

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        self.trim()

    def trim(self) -> None:
        """Drops the older part of a file that has grown too long."""
        try:
            if os.fstat(2).st_size > _LOG_LIMIT:
                with self._file.open("rb") as log:
                    log.seek(-_LOG_KEPT, os.SEEK_END)
                    kept = log.read()
                os.ftruncate(2, 0)
                os.write(2, kept)
        except OSError:
            pass  # standard error is something else, or the file was taken away


def main() -> int:
    if sys.platform != "win32" and os.fork():
        os._exit(0)  # whoever started this waits for it, and the collector belongs to nobody

    from flux_ls.collector.daemon import Report, decode_settings
    from flux_ls.collector.found import Collector, log_file
    from flux_ls.collector.ports import PortTaken
    from flux_ls.collector.serve import AlreadyRunning, run

    settings = decode_settings(sys.argv[1])
    handler = BoundedLog(log_file(settings.store))
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handler.trim()
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("flux_ls").setLevel(logging.INFO)

    def ready(collector: Collector) -> None:
        _tell(Report(collector))

    try:
        run(settings, foreground=False, on_ready=ready)
    except AlreadyRunning as error:
        _tell(Report(error.collector))
    except PortTaken as error:
        _tell(Report(error=str(error), port=error.port, by=error.by, setting=error.setting))
        return 1
    except Exception as error:
        logging.exception("the collector failed")
        _tell(Report(error=str(error) or type(error).__name__))
        return 1
    return 0


def _tell(report: object) -> None:
    """Says how the start went, once, and lets go of the pipe."""
    import msgspec

    try:
        os.write(1, msgspec.json.encode(report, enc_hook=str) + b"\n")
    except OSError:
        return  # nobody waits any more, or it was told
    os.dup2(2, 1)


if __name__ == "__main__":
    sys.exit(main())
