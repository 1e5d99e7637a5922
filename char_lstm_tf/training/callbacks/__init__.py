"""What happens after a batch and after an epoch."""
