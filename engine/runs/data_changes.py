"""The changes of a dataset between two runs: its images, or only their labels."""

from engine.core.files import read_json
from engine.data import fingerprint
from engine.data.datasets import Dataset
from engine.runs.run import Run


def images_fingerprint(data: Dataset) -> str:
    """A hash of the dataset's images and their splits, whatever their labels. Each run's config.json holds it."""
    with data.catalog.reading() as connection:
        return fingerprint.compute_image_fingerprint(connection)


def describe_change(a: Run, b: Run) -> str:
    """A sentence about how the data of the second run differs from that of the first; "" where it does not."""
    if a.config.dataset != b.config.dataset:
        return "The runs were trained on different datasets."
    if a.fingerprint == b.fingerprint:
        return ""
    images_a, images_b = _images(a), _images(b)
    if a.labels == b.labels:
        return "The images of the dataset have changed between the runs: they were trained on different images."
    # Older runs do not name their images: then the labels are what is known to have changed.
    if images_a and images_b and images_a != images_b:
        return "Both the images and the labels of the dataset have changed between the runs."
    return "The labels were edited between the runs: they were trained on different versions of them."


def _images(run: Run) -> str:
    """ "" for an older run, which did not record it."""
    document = read_json(run.path / "config.json")
    return str(document.get("images", "")) if isinstance(document, dict) else ""
