"""Everything that knows nothing about images: paths, files, errors, locks, jobs, caches, configuration fields."""
