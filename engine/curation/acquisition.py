"""The unlabelled images that are most worth labelling, chosen in the background; the review queue asks for their classes."""

import sys
import time
from typing import TypedDict

from engine.core.files import read_json, write_json
from engine.core.jobs import Job
from engine.core.number_text import probability
from engine.core.paths import data_dir
from engine.core.progress import ReportProgress, ignore_progress
from engine.curation.findings import Finding
from engine.curation.review_queue import TO_LABEL
from engine.data.datasets import Dataset, load_dataset

SELECTION_SIZE = 100  # images that the queue asks for at a time
_DOCUMENT = "choice.json"


class _SelectedImage(TypedDict):
    """`predicted`: the class that the model would give, with its `probability`."""

    id: int
    path: str
    content: str
    predicted: str
    probability: float


def job(name: str) -> Job:
    """The process that chooses among the images of the dataset `name`."""
    return Job("acquisition", data_dir() / name / "worth", name, {"dataset": name})


def has_unlabelled(data: Dataset) -> bool:
    """Whether images wait for a label."""
    query = "SELECT 1 FROM images WHERE state = 'ok' AND split = 'unlabelled' AND class IS NULL LIMIT 1"
    with data.catalog.reading() as connection:
        return connection.execute(query).fetchone() is not None


def select_images(data: Dataset, report: ReportProgress = ignore_progress, n: int = SELECTION_SIZE) -> list[Finding]:
    """Choose anew, save the choice and return it as `load_selection` does. Raises UserError if nothing is left to label."""
    from engine.curation.active_learning import select_for_labelling  # it loads torch, and the pages import this module

    selection = select_for_labelling(data, n, report)
    rows = data.catalog.rows(selection["id"].tolist())
    images: list[_SelectedImage] = []
    for image_id, predicted, confidence in zip(
        selection["id"].tolist(), selection["predicted"], selection["probability"].tolist(), strict=True
    ):
        row = rows.get(image_id)
        if row is not None:  # it may have been removed while the model was fitted
            images.append(
                {"id": row.id, "path": row.path, "content": str(row.hash), "predicted": predicted, "probability": confidence}
            )
    write_json(job(data.name).folder / _DOCUMENT, {"made": time.time(), "images": images})
    return load_selection(data)


def load_selection(data: Dataset) -> list[Finding]:
    """The last choice, the most useful image first: one finding per image, with the model's guess as its suggestion."""
    document = read_json(job(data.name).folder / _DOCUMENT)
    images = document.get("images", []) if isinstance(document, dict) else []
    return [_label_request(image, 1 - place / len(images)) for place, image in enumerate(images)]


def _label_request(image: _SelectedImage, score: float) -> Finding:
    return Finding(
        id=image["content"][:16],
        kind=TO_LABEL,
        score=score,
        images=(image["id"],),
        paths=(image["path"],),
        classes=(None,),
        splits=("unlabelled",),
        detail=f"No label yet; the model would say {image['predicted']} ({probability(image['probability'])}).",
        suggestion=image["predicted"],
    )


if __name__ == "__main__":
    sys.exit(job(sys.argv[1]).run(lambda report: select_images(load_dataset(sys.argv[1]), report)))
