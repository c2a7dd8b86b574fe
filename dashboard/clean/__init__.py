"""The sections of the Clean page."""
