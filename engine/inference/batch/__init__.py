"""Batches of images to predict: stored in a folder with the predictions of any run, made in the background where they are many."""
