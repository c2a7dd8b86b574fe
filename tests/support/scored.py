"""Finished runs written by hand, with the validation answers that a test wants."""

import numpy as np

from engine.core.files import write_json
from engine.core.paths import runs_dir
from engine.data.predictions import outcomes, write_predictions
from engine.evaluation import metrics
from engine.runs.run import Run

CLASSES = ("forest", "glacier", "sea")
N = 300
TRUE = np.arange(N) % 3


def scored_run(name: str, created: float, wrong: range, true: np.ndarray = TRUE, fingerprint: str = "a") -> Run:
    """A finished run whose validation answers are wrong on the images `wrong`, on these labels."""
    path = runs_dir() / name
    path.mkdir(parents=True)
    config = {"config": {"dataset": "scenes"}, "created": created, "classes": CLASSES, "fingerprint": fingerprint}
    write_json(path / "config.json", config)
    answers = np.where(np.isin(np.arange(N), list(wrong)), (TRUE + 1) % 3, TRUE)
    table = outcomes(true, 0.8 * np.eye(3)[answers] + 0.2 / 3)
    table.insert(0, "image_id", np.arange(N))
    table.insert(1, "path", [f"{i}.jpg" for i in range(N)])
    table.insert(2, "content", [f"{i:032x}" for i in range(N)])
    write_predictions(path, "validation", table, CLASSES)
    write_json(path / "results.json", {"validation": metrics.score_predictions(table, CLASSES)})
    write_json(path / "status.json", {"state": "finished", "updated": created})
    return Run(name, path)
