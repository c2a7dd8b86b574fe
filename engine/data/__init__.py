"""Datasets: layouts, the catalog, reading of images, splits."""
