"""The pieces of the Clean page."""
