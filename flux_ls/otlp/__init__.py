"""OpenTelemetry in: bytes from the wire become rows for the store and the model's structs."""
