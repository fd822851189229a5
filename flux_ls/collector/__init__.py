"""The collector: the one process of a user that receives telemetry and writes the store."""
