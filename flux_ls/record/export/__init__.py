"""The way out: recordings go to a thread that encodes and sends them, and the application never waits for it."""

from flux_ls.record.export.worker import flush, flush_at_exit, hand_over, send_to, stop

__all__ = ["flush", "flush_at_exit", "hand_over", "send_to", "stop"]
