"""Handing a model over: files that answer without this project, checked against the model before they are handed over."""
