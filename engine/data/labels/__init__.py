"""Label edits: an append-only log of what people decided about images, laid over the catalog; the files stay as they are."""
