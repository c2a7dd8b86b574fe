"""The smallest part of an image that decides: the smallest square that changes the predicted class when it is covered."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from engine.core.errors import UserError
from engine.core.progress import Progress, ReportProgress, ignore_progress
from engine.models.model import Model

FILLS = ("blur", "mean")
SHARES = (1 / 8, 3 / 16, 1 / 4, 3 / 8, 1 / 2, 5 / 8, 3 / 4)  # of the image's side, tried in this order
_STEPS = 2  # positions per side of a patch
_BATCH = 32
_BLUR = 1 / 10  # of the side: what lies under it is no longer recognisable


@dataclass(frozen=True)
class Occlusion:
    """The squares that were tried, and the smallest one that changed the predicted class.

    `answer`: the predicted class index without a cover. `tried`: how many covered images the model has seen. `sides`: the sides of the
    squares in pixels. `box`: (left, top, side) in pixels, None where no square changed the class; then `covered` is None as well, else
    the image (size, size, 3) uint8 with its cover. `becomes`: the new class index, with its `probability`.
    """

    answer: int
    fill: str
    tried: int
    sides: tuple[int, ...]
    box: tuple[int, int, int] | None = None
    covered: np.ndarray | None = None
    becomes: int = -1
    probability: float = 0.0


def smallest_occlusion(
    model: Model, square: np.ndarray, fill: str = "blur", report: ReportProgress = ignore_progress
) -> Occlusion:
    """The smallest square that changes the predicted class: larger and larger ones are tried, half a side apart; the first is then shrunk.

    `square`: (size, size, 3) uint8. `fill`: the cover, "blur" (the image itself, blurred beyond recognition) or "mean" (its mean
    colour). The result is an upper bound, since a smaller square between the tried positions may suffice. `report` receives the number of
    covered images done, and their number over all sizes. Raises UserError for an unknown fill.
    """
    cover, size = _cover(square, fill), len(square)
    answer = int(model.probabilities(square[None])[0].argmax())
    sides = [max(1, round(size * share)) for share in SHARES]
    total, tried = sum(len(list(_places(size, side))) for side in sides), 0
    for number, side in enumerate(sides):
        boxes = [(left, top, side) for left, top in _places(size, side)]

        def report_tried(done: int, before: int = tried) -> None:  # bound: the closure must not follow `tried`
            report(Progress("covering squares", before + done, total))

        result = _first_change(model, square, cover, boxes, answer, report_tried)
        tried += len(boxes)
        if result is not None:
            least = sides[number - 1] if number else 0
            box, row, more = _shrunk(model, square, cover, result, answer, least)
            report(Progress("covering squares", total, total))
            seen = (*sides[: number + 1], box[2]) if box[2] != side else tuple(sides[: number + 1])
            return Occlusion(
                answer, fill, tried + more, seen, box, _covered(square, cover, [box])[0], int(row.argmax()), float(row.max())
            )
    return Occlusion(answer, fill, tried, tuple(sides))


def _first_change(
    model: Model,
    square: np.ndarray,
    cover: np.ndarray,
    boxes: list[tuple[int, int, int]],
    answer: int,
    report: Callable[[int], None],
) -> tuple[int, int, int] | None:
    """Among the boxes that change the predicted class, the one that lowers its probability most; None where no box does."""
    rows = []
    for start in range(0, len(boxes), _BATCH):
        rows.append(model.probabilities(_covered(square, cover, boxes[start : start + _BATCH])))
        report(min(start + _BATCH, len(boxes)))
    rows = np.concatenate(rows)
    changed = np.flatnonzero(rows.argmax(axis=1) != answer)
    return boxes[changed[rows[changed, answer].argmin()]] if len(changed) else None


def _shrunk(
    model: Model, square: np.ndarray, cover: np.ndarray, box: tuple[int, int, int], answer: int, least: int
) -> tuple[tuple[int, int, int], np.ndarray, int]:
    """The smallest box about this one's centre, above `least`, that changes the answer too; its answers; how many were tried.

    The sides between are halved as in a search, five places about the centre each.
    """
    good, row, tried = box, model.probabilities(_covered(square, cover, [box]))[0], 0
    while good[2] - least > 2:
        side = (good[2] + least) // 2
        boxes = _about(good, side, len(square))
        rows = model.probabilities(_covered(square, cover, boxes))
        tried += len(boxes)
        best = int(rows[:, answer].argmin())
        if rows[best].argmax() != answer:
            good, row = boxes[best], rows[best]
        else:
            least = side
    return good, row, tried


def _about(box: tuple[int, int, int], side: int, size: int) -> list[tuple[int, int, int]]:
    """Boxes of `side` within the box: in its centre and in its corners."""
    left, top, before = box
    spare = before - side
    offsets = [(spare // 2, spare // 2), (0, 0), (spare, 0), (0, spare), (spare, spare)]
    return [(min(left + x, size - side), min(top + y, size - side), side) for x, y in offsets]


def _places(size: int, side: int) -> Iterator[tuple[int, int]]:
    """Left and top of squares half their side apart; the last ones touch the edge of the image."""
    starts = np.unique(np.linspace(0, size - side, 1 + int(np.ceil((size - side) / max(1, side // _STEPS)))).round().astype(int))
    yield from ((int(left), int(top)) for top in starts for left in starts)


def _covered(square: np.ndarray, cover: np.ndarray, boxes: list[tuple[int, int, int]]) -> np.ndarray:
    """One copy of the image per box, with that box covered: (n, size, size, 3) uint8."""
    images = np.repeat(square[None], len(boxes), axis=0)
    for image, (left, top, side) in zip(images, boxes, strict=True):
        part = np.s_[top : top + side, left : left + side]
        image[part] = cover[part]
    return images


def _cover(square: np.ndarray, fill: str) -> np.ndarray:
    if fill not in FILLS:
        raise UserError(f"There is no cover {fill!r}.", f"Choose one of: {', '.join(FILLS)}.")
    if fill == "mean":
        return np.broadcast_to(square.mean(axis=(0, 1)).round().astype(np.uint8), square.shape)
    return np.asarray(Image.fromarray(square).filter(ImageFilter.GaussianBlur(len(square) * _BLUR)))
