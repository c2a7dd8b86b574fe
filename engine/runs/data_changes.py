"""What has changed in a dataset between two runs: its images, or their labels alone."""

from engine.core.files import read_json
from engine.data import fingerprint
from engine.data.datasets import Dataset
from engine.runs.run import Run


def images_fingerprint(data: Dataset) -> str:
    """Names the images of the dataset and their splits, whatever their labels: it stands in the configuration of each run."""
    with data.catalog.reading() as connection:
        return fingerprint.compute_image_fingerprint(connection)


def describe_change(a: Run, b: Run) -> str:
    """What the second run was trained on that the first was not, as a sentence; "" where both were trained on the same."""
    if a.config.dataset != b.config.dataset:
        return "The runs were trained on different datasets."
    if a.fingerprint == b.fingerprint:
        return ""
    before, after = (_images(run) for run in (a, b))
    if a.labels == b.labels:
        return "The images of the dataset have changed between the runs: they were trained on different images."
    if before and after and before != after:
        return "Both the images and the labels of the dataset have changed between the runs."
    return "The labels were edited between the runs: they were trained on different versions of them."


def _images(run: Run) -> str:
    """ "" for a run from before this was written down."""
    document = read_json(run.path / "config.json")
    return str(document.get("images", "")) if isinstance(document, dict) else ""
