"""The pieces of the Augment page: the editor of a pipeline, its pictures, and what a model withstands of it."""
