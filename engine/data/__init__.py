"""Datasets: folder layouts, the catalog, decoding of images, splits, uploads."""
