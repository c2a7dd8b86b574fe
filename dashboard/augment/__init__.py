"""The sections of the Augment page: the pipeline editor, the augmented images, and a model's robustness to them."""
