"""Nothing about images: paths, files, errors, locks, jobs, caches, configuration fields."""
