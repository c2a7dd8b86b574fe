"""Images far from the others of their class in the embedding."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from engine.curation.findings import Finding, make_finding
from engine.embeddings.neighbours import neighbour_graph

_NEIGHBOURS = 10
_MIN_IMAGES = 8  # of a class, to know what is usual in it
_UNUSUAL = 4.0  # robust standard deviations
_MAD = 1.4826  # the standard deviation of a normal distribution, in median absolute deviations


def find_outliers(table: pd.DataFrame, vectors: np.ndarray) -> Iterator[Finding]:
    """One finding per image whose distance to the k-th nearest image of its class is far above what is usual there.

    `table`: labelled images, as in `engine.curation.images`; `vectors`: (n, features) float32 of unit length. The distance to the
    k-th nearest neighbour as the measure of an outlier: Ramaswamy, Rastogi and Shim, "Efficient algorithms for mining outliers",
    SIGMOD 2000.
    """
    labels = table["class"].to_numpy()
    for class_name in sorted(table["class"].unique()):
        rows = np.flatnonzero(labels == class_name)
        if len(rows) < _MIN_IMAGES:
            continue
        k = min(_NEIGHBOURS, len(rows) - 1)
        distances = neighbour_graph(vectors[rows], k)[1][:, -1]
        usual = float(np.median(distances))
        limit = usual + _UNUSUAL * _MAD * float(np.median(np.abs(distances - usual)))
        # In a class of copies all distances are 0 but for rounding: none of its images is an outlier.
        for place in np.flatnonzero((distances > limit) & (distances > 1e-6)):
            detail = (
                f"Unlike the others of {class_name}: the {k}th most similar image of the class is "
                f"{distances[place] / max(usual, 1e-6):.1f} times as far away as it is for the median image of the class "
                "(cosine distance of embeddings)."
            )
            yield make_finding("outlier", 1 - usual / distances[place], table.iloc[rows[[place]]], detail)
