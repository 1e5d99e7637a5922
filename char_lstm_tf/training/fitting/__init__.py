"""What a run learns, its training steps, and what happens at the end of an epoch."""
