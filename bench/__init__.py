"""Measurements: what Pilar costs beside what the same work costs at least, within one run."""
