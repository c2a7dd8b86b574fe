"""Export: model files that work without this project and are checked against the model first; and their import."""
