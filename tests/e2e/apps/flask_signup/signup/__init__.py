"""Accounts and their first payment."""
