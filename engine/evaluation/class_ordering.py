"""In which order the classes of a confusion matrix stand, and which of many are worth a look."""

import numpy as np

_MOST = 400  # classes whose leaves are ordered optimally: the time grows with more than their square


def similarity_order(matrix: np.ndarray) -> np.ndarray:
    """The classes ordered so that those that are taken for each other stand together: (n,) indices.

    matrix: (n, n) counts. How near two classes are: `confusability`; average linkage,
    leaves ordered by Bar-Joseph, Gifford and Jaakkola 2001, "Fast optimal leaf ordering for hierarchical clustering" (SciPy's).
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
    """(n, n), symmetric, zero on the diagonal: the mean of the shares of either class that were taken for the other, 0..1."""
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.zeros(matrix.shape), where=totals > 0)
    np.fill_diagonal(shares, 0)
    return (shares + shares.T) / 2


def most_confused(matrix: np.ndarray, most: int) -> np.ndarray:
    """The classes of the most confused pairs, rising by index: `most` indices, or all where there are fewer."""
    both = np.triu(matrix + matrix.T, 1)
    pairs = np.column_stack(np.unravel_index(np.argsort(-both, axis=None, kind="stable"), both.shape))
    result = dict.fromkeys(pairs[both[tuple(pairs.T)] > 0].ravel().tolist())
    return np.sort([*result, *(place for place in range(len(matrix)) if place not in result)][:most])


def nearest_classes(matrix: np.ndarray, classes: np.ndarray, most: int) -> np.ndarray:
    """These classes and those that they are confused with most, rising by index: `most` indices, or as many as are named."""
    both = matrix + matrix.T
    near = both[classes].sum(axis=0).astype(float)
    near[classes] = np.inf
    order = np.argsort(-near, kind="stable")
    return np.sort(order[: max(most, len(classes))][near[order[: max(most, len(classes))]] > 0])
