"""Rules: pure, synchronous, no clock, no input or output."""
