"""A run's directory: its configuration, events, checkpoint, predictions and metadata, and the queue of runs."""
