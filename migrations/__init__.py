"""Alembic's revisions, run by `pilar migrate`."""
