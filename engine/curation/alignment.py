"""Whether two small grey pictures show the same, although one was compressed anew, resized or slightly cropped.

The one is laid over the other (an affine map, found by maximising their correlation: Evangelidis and Psarakis, "Parametric
image alignment using enhanced correlation coefficient maximization", PAMI 2008), and what counts is how the fine structure
correlates there: the broad light and shade of two mountains under a sky can agree by chance, their edges do not.
"""

import cv2
import numpy as np

_BROAD, _NOISE = 2.0, 0.7  # pixels: what is wider than the one or finer than the other does not count
_ROUGH, _STEPS = 12, 25  # iterations at half the size and at the whole
_SURE = 0.9  # as they lie: no need to look for a better place
_CHANCE = 0.25  # after a rough alignment: no better one is looked for
_ZOOM = 0.92  # a crop of about this much may lie outside the reach of a search from where the pictures lie
_SCALE, _SHEAR = 0.22, 0.06  # what is still a slight crop
_OVERLAP = 0.5
_UNMOVED = np.eye(2, 3, dtype=np.float32)


def similarity(first: np.ndarray, second: np.ndarray) -> float:
    """0 (nothing in common) to 1 (the same): the correlation of fine structure where the two fit best.

    `first`, `second`: (side, side) uint8.
    """
    one, other = first.astype(np.float32), second.astype(np.float32)
    best, place = _agreement(one, other, _UNMOVED), _UNMOVED
    if best >= _SURE:
        return best
    small, small_other = _half(one), _half(other)
    starts = [_aligned(small, small_other, _UNMOVED)]
    starts += [_aligned(_fine(small), _fine(small_other), _zoomed(zoom, len(small))) for zoom in (_ZOOM, 1 / _ZOOM)]
    for start in filter(lambda start: start is not None, starts):
        start[:, 2] *= 2
        agreed = _agreement(one, other, start)
        best, place = max((best, place), (agreed, start), key=lambda known: known[0])
    if best > _CHANCE and (fine := _aligned(_fine(one), _fine(other), place)) is not None:
        best = max(best, _agreement(one, other, fine))
    return max(0.0, best)


def _zoomed(zoom: float, side: int) -> np.ndarray:
    """The map that enlarges about the centre of a picture."""
    away = (1 - zoom) * (side - 1) / 2
    return np.array([[zoom, 0, away], [0, zoom, away]], np.float32)


def _aligned(one: np.ndarray, other: np.ndarray, start: np.ndarray) -> np.ndarray | None:
    """The affine map (2, 3) float32 from places in `one` to places in `other`; None where there is none that is slight."""
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _STEPS if len(one) >= 64 else _ROUGH, 1e-4)
    try:
        _, result = cv2.findTransformECC(one, other, start.copy(), cv2.MOTION_AFFINE, criteria, None, 3)
    except cv2.error:  # it did not converge, or a picture is of one tone
        return None
    turned = np.abs(result[:, :2] - np.eye(2))
    slight = np.diag(turned).max() <= _SCALE and max(turned[0, 1], turned[1, 0]) <= _SHEAR
    return result if slight else None


def _agreement(one: np.ndarray, other: np.ndarray, place: np.ndarray) -> float:
    """The correlation of the band of fine structure of `one` with that of `other` at this place."""
    size, flags = one.shape[::-1], cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(other, place, size, flags=cv2.INTER_LINEAR | flags, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(np.ones_like(other), place, size, flags=cv2.INTER_NEAREST | flags) > 0
    inside[[0, 1, -2, -1]] = inside[:, [0, 1, -2, -1]] = False
    if inside.mean() < _OVERLAP:
        return 0.0
    left, right = (_fine(cv2.GaussianBlur(picture, (0, 0), _NOISE))[inside] for picture in (one, moved))
    left, right = left - left.mean(), right - right.mean()
    scale = float(np.sqrt((left @ left) * (right @ right)))
    return float(left @ right) / scale if scale > 1e-3 else 0.0


def _fine(picture: np.ndarray) -> np.ndarray:
    return picture - cv2.GaussianBlur(picture, (0, 0), _BROAD)


def _half(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
