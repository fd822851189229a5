"""The recorder: what runs inside the user's process and hands what it sees to OpenTelemetry."""
