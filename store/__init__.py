"""SQL: the only floor that speaks it."""
