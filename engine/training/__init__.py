"""Training: facts, methods, checkpoints, and the process that ties them to a run directory."""
