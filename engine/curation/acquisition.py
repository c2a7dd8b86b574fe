"""The images without a label that are worth labelling first, chosen in the background and asked for in the queue of findings."""

import sys
import time

from engine.core.files import read_json, write_json
from engine.core.jobs import Job, ReportProgress
from engine.core.number_text import probability
from engine.core.paths import data_dir
from engine.curation.findings import Finding
from engine.curation.review_queue import TO_LABEL
from engine.data.datasets import Dataset, load_dataset

SELECTION_SIZE = 100  # images that are asked for at a time
_DOCUMENT = "choice.json"


def job(name: str) -> Job:
    """The process that chooses for the dataset `name`."""
    return Job(data_dir() / name / "worth", "engine.curation.acquisition", name)


def has_unlabelled(data: Dataset) -> bool:
    """Whether there are images that wait for a label."""
    query = "SELECT 1 FROM images WHERE state = 'ok' AND split = 'unlabelled' AND class IS NULL LIMIT 1"
    with data.catalog.reading() as connection:
        return connection.execute(query).fetchone() is not None


def select_images(
    data: Dataset, report: ReportProgress = lambda phase, done, total: None, n: int = SELECTION_SIZE
) -> list[Finding]:
    """Choose anew and keep the choice. Raises UserError where nothing is left to label."""
    from engine.curation.active_learning import select_for_labelling

    result = select_for_labelling(data, n, report)
    rows = data.catalog.rows(result["id"].tolist())
    images = [
        {"id": int(one.id), "path": one.path, "content": rows[one.id].hash, "predicted": one.predicted,
         "probability": float(one.probability)}
        for one in result.itertuples() if one.id in rows
    ]  # fmt: skip
    write_json(job(data.name).folder / _DOCUMENT, {"made": time.time(), "images": images})
    return load_selection(data)


def load_selection(data: Dataset) -> list[Finding]:
    """What was chosen last, the most worth first: a finding an image, whose suggestion is the model's guess."""
    said = read_json(job(data.name).folder / _DOCUMENT)
    images = said.get("images", []) if isinstance(said, dict) else []
    return [_asked(image, 1 - place / len(images)) for place, image in enumerate(images)]


def _asked(image: dict, score: float) -> Finding:
    guess = f"No label yet; the model would say {image['predicted']} ({probability(image['probability'])})."
    return Finding(
        str(image["content"])[:16], TO_LABEL, score, (image["id"],), (image["path"],), (None,), ("unlabelled",), guess,
        image["predicted"],
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(job(sys.argv[1]).run(lambda report: select_images(load_dataset(sys.argv[1]), report)))
