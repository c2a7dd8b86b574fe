"""Images far from the others of their class in the embedding."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from engine.curation.findings import Finding, make_finding
from engine.embeddings.neighbours import graph

_NEIGHBOURS = 10
_FEWEST = 8  # images of a class that can say what is usual in it
_UNUSUAL = 4.0  # robust standard deviations
_MAD = 1.4826


def find_outliers(table: pd.DataFrame, vectors: np.ndarray) -> Iterator[Finding]:
    """A finding for every image whose distance to the k-th nearest of its class is far above what is usual there.

    `table`: labelled images, as in `engine.curation.images`; `vectors`: (n, features) float32 of unit length. The distance to the
    k-th nearest neighbour as the measure: Ramaswamy, Rastogi and Shim, "Efficient algorithms for mining outliers", 2000.
    """
    for class_name, of in table.groupby("class", sort=True).indices.items():
        if len(of) < _FEWEST:
            continue
        k = min(_NEIGHBOURS, len(of) - 1)
        far = graph(vectors[of], k)[1][:, -1]
        usual = float(np.median(far))
        limit = usual + _UNUSUAL * _MAD * float(np.median(np.abs(far - usual)))
        for place in np.flatnonzero((far > limit) & (far > 1e-6)):
            detail = (
                f"Unlike the others of {class_name}: the {k}th most similar image of the class is "
                f"{far[place] / max(usual, 1e-6):.1f} times as far away as it is for the median image of the class "
                "(cosine distance of embeddings)."
            )
            yield make_finding("outlier", 1 - usual / far[place], table.iloc[[of[place]]], detail)
