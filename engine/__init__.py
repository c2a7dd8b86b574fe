"""Scenescope's engine: all that works without a browser. It never imports the dashboard."""

__version__ = "0.1.0"
