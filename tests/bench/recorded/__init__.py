"""What recording costs a service: the service, the recorders around it, and where their telemetry goes."""
