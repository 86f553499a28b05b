"""Requests and answers that more than one route file uses."""
