"""The Explore page's own building blocks: filter bar, gallery, one image in detail, a panel for each question."""
