"""Routes: one file per noun of the calendar."""
