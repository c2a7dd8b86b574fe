"""Whether to believe a score, where it is weak, and how two runs differ: pure functions over prediction tables."""
