"""The text of a regression test: pure functions of a recorded request."""
