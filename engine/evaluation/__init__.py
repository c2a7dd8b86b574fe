"""Evaluation: how good a run is, where it is weak, whether its score can be trusted, and how two runs differ."""
