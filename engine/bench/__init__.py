"""Measurements of speed next to a plain reference, in one run: alternating rounds, ratios with their spread."""
