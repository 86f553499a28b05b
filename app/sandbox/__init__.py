"""Platforms that run on this machine, for newcomers without an app and for tests."""
