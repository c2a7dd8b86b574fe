"""Scenescope's engine: all that works without a browser. It never imports the dashboard."""

from engine.core.process_memory import tune

__version__ = "0.1.0"

tune()
