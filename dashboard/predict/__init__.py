"""The pieces of the Predict page."""
