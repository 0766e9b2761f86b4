"""Checks of what a user gives, made before any work is lost."""
