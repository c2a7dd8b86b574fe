"""The sections of the Start page."""
