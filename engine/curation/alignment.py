"""Whether two small grey images show the same, although one was recompressed, resized or slightly cropped.

One is laid over the other by an affine map that maximises their correlation (Evangelidis and Psarakis, "Parametric image
alignment using enhanced correlation coefficient maximization", PAMI 2008). What counts is how the fine structure correlates
there: the broad light and shade of two mountains under a sky can agree by chance, their edges do not.
"""

import cv2
import numpy as np

_BROAD, _NOISE = 2.0, 0.7  # sigma in pixels: what is wider than the first or finer than the second does not count
_ROUGH_STEPS, _STEPS = 12, 25  # iterations at half the size and at the full size
_SURE = 0.9  # a correlation that needs no search for a better alignment
_CHANCE = 0.25  # a correlation after rough alignment below which no finer one is tried
_ZOOM = 0.92  # of a crop that a search from the identity may not reach
_MAX_SCALE, _MAX_SHEAR = 0.22, 0.06  # deviations from the identity that still are a slight crop
_MIN_OVERLAP = 0.5
_IDENTITY = np.eye(2, 3, dtype=np.float32)


def similarity(first: np.ndarray, second: np.ndarray) -> float:
    """The correlation of fine structure where the two images fit best, from 0 (nothing in common) to 1 (identical).

    `first`, `second`: (side, side) uint8.
    """
    one, other = first.astype(np.float32), second.astype(np.float32)
    best, best_map = _correlate(one, other, _IDENTITY), _IDENTITY
    if best >= _SURE:
        return best
    for rough in _rough_alignments(_halve(one), _halve(other)):
        rough[:, 2] *= 2  # its shift was found at half the size
        correlation = _correlate(one, other, rough)
        if correlation > best:
            best, best_map = correlation, rough
    if best > _CHANCE:
        fine = _align(_high_pass(one), _high_pass(other), best_map)
        if fine is not None:
            best = max(best, _correlate(one, other, fine))
    return max(0.0, best)


def _rough_alignments(one: np.ndarray, other: np.ndarray) -> list[np.ndarray]:
    """Candidate maps: from where the images lie, and from a crop of either, which a search from the identity may not reach."""
    candidates = [_align(one, other, _IDENTITY)]
    for zoom in (_ZOOM, 1 / _ZOOM):
        candidates.append(_align(_high_pass(one), _high_pass(other), _zoom_map(zoom, len(one))))
    return [candidate for candidate in candidates if candidate is not None]


def _zoom_map(zoom: float, side: int) -> np.ndarray:
    """The map that enlarges an image about its centre."""
    shift = (1 - zoom) * (side - 1) / 2
    return np.array([[zoom, 0, shift], [0, zoom, shift]], np.float32)


def _align(one: np.ndarray, other: np.ndarray, start: np.ndarray) -> np.ndarray | None:
    """The affine map (2, 3) float32 from places in `one` to places in `other`; None if there is none close to the identity."""
    steps = _STEPS if len(one) >= 64 else _ROUGH_STEPS
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, steps, 1e-4)
    try:
        # A copy, because OpenCV writes into the map that it is given. Its stubs do not know that the mask may be None.
        _, result = cv2.findTransformECC(  # pyrefly: ignore[no-matching-overload]
            one, other, start.copy(), cv2.MOTION_AFFINE, criteria, None, 3
        )
    except cv2.error:  # it did not converge, or an image has only one tone
        return None
    deviation = np.abs(result[:, :2] - np.eye(2))
    is_slight = np.diag(deviation).max() <= _MAX_SCALE and max(deviation[0, 1], deviation[1, 0]) <= _MAX_SHEAR
    return result if is_slight else None


def _correlate(one: np.ndarray, other: np.ndarray, affine: np.ndarray) -> float:
    """The correlation of the fine structure of `one` with that of `other` under this map, -1 to 1; 0 if they hardly overlap."""
    size, flags = one.shape[::-1], cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(other, affine, size, flags=cv2.INTER_LINEAR | flags, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(np.ones_like(other), affine, size, flags=cv2.INTER_NEAREST | flags) > 0
    # The blur at the border mixes in pixels that are not there.
    inside[[0, 1, -2, -1]] = inside[:, [0, 1, -2, -1]] = False
    if inside.mean() < _MIN_OVERLAP:
        return 0.0
    left, right = (_high_pass(cv2.GaussianBlur(image, (0, 0), _NOISE))[inside] for image in (one, moved))
    left, right = left - left.mean(), right - right.mean()
    scale = float(np.sqrt((left @ left) * (right @ right)))
    return float(left @ right) / scale if scale > 1e-3 else 0.0


def _high_pass(image: np.ndarray) -> np.ndarray:
    return image - cv2.GaussianBlur(image, (0, 0), _BROAD)


def _halve(image: np.ndarray) -> np.ndarray:
    return cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
