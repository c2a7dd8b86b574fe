"""Vectors of images: extraction, nearest neighbours, projection, and the index of a dataset."""
