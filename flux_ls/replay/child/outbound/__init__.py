"""Calls to other services: answered from the recording, each library at the place where it would reach the network."""
