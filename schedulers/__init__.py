"""Time and the outside world: claim, send, settle."""
