"""The order of a confusion matrix's classes, and a selection where there are too many to show."""

import numpy as np

_MOST = 400  # classes up to which the leaves are ordered optimally: the time grows faster than their square


def similarity_order(matrix: np.ndarray) -> np.ndarray:
    """The classes in an order that puts those that are confused with each other next to each other: (n,) indices.

    matrix: (n, n) counts. Average linkage on `confusability`; leaves ordered by Bar-Joseph, Gifford and Jaakkola 2001,
    "Fast optimal leaf ordering for hierarchical clustering" (SciPy's).
    """
    from scipy.cluster import hierarchy
    from scipy.spatial.distance import squareform

    n = len(matrix)
    if n < 3:
        return np.arange(n)
    near = confusability(matrix)
    tree = hierarchy.linkage(squareform(1 - near / (near.max() or 1), checks=False), "average", optimal_ordering=n <= _MOST)
    return hierarchy.leaves_list(tree).astype(int)


def confusability(matrix: np.ndarray) -> np.ndarray:
    """(n, n), symmetric, zero on the diagonal: the mean of the two classes' shares that were predicted as the other, 0..1."""
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.zeros(matrix.shape), where=totals > 0)
    np.fill_diagonal(shares, 0)
    return (shares + shares.T) / 2


def most_confused(matrix: np.ndarray, most: int) -> np.ndarray:
    """The classes of the most confused pairs, filled up with others: `most` ascending indices, or all where there are fewer."""
    both = np.triu(matrix + matrix.T, 1)
    pairs = np.column_stack(np.unravel_index(np.argsort(-both, axis=None, kind="stable"), both.shape))
    confused = dict.fromkeys(pairs[both[tuple(pairs.T)] > 0].ravel().tolist())
    others = (index for index in range(len(matrix)) if index not in confused)
    return np.sort([*confused, *others][:most])


def nearest_classes(matrix: np.ndarray, classes: np.ndarray, most: int) -> np.ndarray:
    """These classes and those that they are confused with most, as ascending indices: at most `most`, but never fewer than given."""
    both = matrix + matrix.T
    near = both[classes].sum(axis=0).astype(float)
    near[classes] = np.inf
    nearest = np.argsort(-near, kind="stable")[: max(most, len(classes))]
    return np.sort(nearest[near[nearest] > 0])
