"""The sections of the Explore page: filter bar, gallery, one image in detail, and one panel per tab."""
