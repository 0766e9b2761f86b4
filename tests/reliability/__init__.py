"""Harnesses that end, break and fuzz our programs: short in the tests, long by make."""
