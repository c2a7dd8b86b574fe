"""Active learning: the unlabelled images whose labels would help training most."""

import numpy as np
import pandas as pd

from engine.core.errors import UserError
from engine.core.progress import Progress, ReportProgress, ignore_progress
from engine.curation.cross_validation import fit_classifier
from engine.curation.images import has_label, load_image_table
from engine.data.datasets import Dataset
from engine.embeddings import dataset_index

_SEED = 0
COLUMNS = ("id", "path", "predicted", "probability", "margin")


def select_for_labelling(data: Dataset, n: int, report: ReportProgress = ignore_progress) -> pd.DataFrame:
    """Up to n images of the unlabelled split, the most useful first: columns COLUMNS.

    `predicted` and its `probability` come from logistic regression on the training images' embeddings; `margin`: the
    difference to the probability of the second class. Raises UserError if nothing is left to label, or if
    fewer than two classes have labelled training images.
    """
    if n < 1:
        raise UserError(f"{n} images cannot be chosen.", "Ask for at least one.")
    if not data.has_images:
        raise UserError(f"The dataset {data.name} is a catalog without images, made for measuring.", "There is nothing to label.")
    table = load_image_table(data)
    if not (table["split"] == "unlabelled").any():
        raise UserError(
            f"All images of {data.name} have labels.",
            "Put unlabelled images into a folder named seg_pred or unlabelled beside the others.",
        )
    if table[(table["split"] == "train") & has_label(table)]["class"].nunique() < 2:
        raise UserError(
            f"The labelled training images of {data.name} show fewer than two classes, so no model can be fitted.",
            "Label or restore images of a second class first.",
        )
    index = dataset_index.build_index(data, report)
    table = table[np.isin(table["id"], index.ids)]
    pool = table[(table["split"] == "unlabelled") & ~has_label(table)].drop_duplicates("hash")
    teachers = table[(table["split"] == "train") & has_label(table)]
    classes = sorted(teachers["class"].unique())
    report(Progress("choosing", 0, n))
    vectors = index.vectors(np.searchsorted(index.ids, pool["id"]))
    labels = pd.Categorical(teachers["class"], classes).codes.astype(int)
    probabilities = fit_classifier(index.vectors(np.searchsorted(index.ids, teachers["id"])), labels, len(classes)).probabilities(
        vectors
    )
    chosen = select_diverse(vectors, probabilities, n)
    report(Progress("choosing", n, n))
    best = np.sort(probabilities[chosen], axis=1)
    return pd.DataFrame(
        {
            "id": pool["id"].to_numpy()[chosen], "path": pool["path"].to_numpy()[chosen],
            "predicted": np.array(classes, dtype=object)[probabilities[chosen].argmax(axis=1)],
            "probability": best[:, -1], "margin": best[:, -1] - best[:, -2],
        }
    )  # fmt: skip


def select_diverse(vectors: np.ndarray, probabilities: np.ndarray, n: int, seed: int = _SEED) -> np.ndarray:
    """Rows of up to n images that the model is unsure of and that differ from each other, in the order of selection: (n,) int.

    `vectors`: (images, features), `probabilities`: (images, classes). BADGE: k-means++ seeding on the gradients that the images
    would give the last layer if their predicted class were right. Ash et al., "Deep Batch Active Learning by Diverse, Uncertain
    Gradient Lower Bounds", ICLR 2020. A gradient is the outer product of two vectors; it is never formed.
    """
    rng, rows = np.random.default_rng(seed), np.arange(len(vectors))
    errors = np.asarray(probabilities, np.float64).copy()
    errors[rows, errors.argmax(axis=1)] -= 1
    lengths = (errors**2).sum(axis=1) * (vectors.astype(np.float64) ** 2).sum(axis=1)
    chosen = [int(lengths.argmax())] if len(rows) else []
    distances = np.full(len(rows), np.inf)  # squared, to the nearest chosen image
    while chosen and len(chosen) < min(n, len(rows)):
        last = chosen[-1]
        products = (errors @ errors[last]) * (vectors @ vectors[last])
        distances = np.minimum(distances, np.maximum(lengths + lengths[last] - 2 * products, 0))
        distances[chosen] = 0
        total = distances.sum()
        if total <= 0:  # only copies of chosen images, or images that the model is sure of, are left
            left = np.setdiff1d(rows, chosen)
            return np.array([*chosen, *left[np.argsort(-lengths[left], kind="stable")]][:n])
        chosen.append(int(rng.choice(rows, p=distances / total)))
    return np.array(chosen[:n], int)
