"""Checkpoints: reading them without executing their code, and converting them."""
