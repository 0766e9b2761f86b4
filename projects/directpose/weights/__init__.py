"""Reading checkpoints safely, and converting those of other programs."""
