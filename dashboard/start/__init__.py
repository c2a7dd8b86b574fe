"""The pieces of the Start page."""
