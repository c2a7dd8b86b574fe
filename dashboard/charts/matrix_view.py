"""What the browser needs to paint a confusion matrix: numbers and names, no Streamlit."""

import base64
import hashlib
from collections.abc import Sequence
from typing import Literal, TypedDict

import numpy as np

from dashboard.app import formatting
from engine.evaluation.metrics import wilson

Unit = Literal["count", "row", "column"]

# By whether the theme is dark, from "one error" to "the worst cell". The theme's text reads at 4.5:1 or better on every shade.
ERRORS = {False: ["#fdeee3", "#f9cfae", "#f2a774", "#ea8144"], True: ["#2a1d16", "#4c2a17", "#783a15", "#a34a10"]}
CORRECT = {False: ["#edf3f3", "#cfe2e1"], True: ["#171f22", "#1f3a3a"]}
GROUND = "rgba(128, 134, 144, 0.09)"

_FINE = 10_000  # steps of a share


class _Packed(TypedDict):
    """Base64 of the bytes of (n, n) arrays, which the component reads as typed arrays."""

    counts: str  # little-endian int32
    shades: str  # uint8
    limits: str  # little-endian uint16, (4, n, n): low and high of the share of the row, then of the column, in 1/10,000


class MatrixView(_Packed):
    """What the component draws. `version` changes with everything that it shows."""

    ids: list[int]
    names: list[str]
    totals: list[list[int]]
    unit: Unit
    version: str


def build_view(
    matrix: np.ndarray, classes: Sequence[str], shown: np.ndarray, unit: Unit = "count", log: bool = True
) -> MatrixView:
    """The visible part of a matrix, as the component takes it.

    matrix: (n, n) counts. `shown`: the classes in their order on screen. Shares and totals are those of the whole matrix. `unit`: the
    quantity of the colours and of the numbers in the cells; with `log`, the errors' colours follow the logarithm.
    """
    part = matrix[np.ix_(shown, shown)]
    totals = matrix.sum(axis=1)[shown], matrix.sum(axis=0)[shown]
    limits = [side for total in (totals[0][:, None], totals[1][None]) for side in wilson(part, total)]
    packed: _Packed = {
        "counts": _base64(part.astype("<i4")),
        "shades": _base64(shades(_cell_values(part, totals, unit), log).astype(np.uint8)),
        "limits": _base64(np.nan_to_num(np.round(np.clip(np.stack(limits), 0, 1) * _FINE)).astype("<u2")),
    }
    names = [formatting.plain(classes[place]) for place in shown]
    state = "".join([packed["counts"], packed["shades"], packed["limits"], *names, unit])
    return {
        **packed,
        "ids": [int(place) for place in shown],
        "names": names,
        "totals": [total.tolist() for total in totals],
        "unit": unit,
        "version": hashlib.blake2b(state.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest(),
    }


def shades(values: np.ndarray, log: bool) -> np.ndarray:
    """The shade per cell, (n, n) of 0 to 255: the diagonal relative to its own largest value, the errors relative to theirs.

    With `log` the smallest error that occurs is 0, so that rare errors are visible beside frequent ones (an empty cell has no colour).
    """
    diagonal = np.eye(len(values), dtype=bool)
    result = np.zeros(values.shape)
    result[diagonal] = values[diagonal] / (values[diagonal].max(initial=0) or 1)
    errors = values[~diagonal]
    if log and (errors > 0).any():
        low, high = np.log(errors[errors > 0].min()), np.log(errors.max())
        errors = np.where(errors > 0, (np.log(np.where(errors > 0, errors, 1)) - low) / ((high - low) or 1), 0)
        errors = np.ones_like(errors) if high == low else errors
    else:
        errors = errors / (errors.max(initial=0) or 1)
    result[~diagonal] = errors
    return np.round(255 * np.clip(result, 0, 1))


def _cell_values(part: np.ndarray, totals: tuple[np.ndarray, np.ndarray], unit: Unit) -> np.ndarray:
    """The counts, or their share of the row or column (0 where that is empty)."""
    if unit == "count":
        return part.astype(float)
    total = totals[0][:, None] if unit == "row" else totals[1][None]
    return np.divide(part, total, out=np.zeros(part.shape), where=total > 0)


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")
