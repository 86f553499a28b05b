"""Deliveries: who carries "publish X now" to a worker."""
