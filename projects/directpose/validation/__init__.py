"""Validation of user input before long runs."""
