"""The smallest cover that changes the answer: found where it must be, said what was tried."""

from dataclasses import dataclass

import numpy as np
import pytest

from engine.core.errors import UserError
from engine.inference.explain.occlusion import SHARES, smallest_occlusion

SIZE, LEFT, TOP, SPOT = 64, 40, 16, 8


@dataclass
class SpotSeer:
    """Answers 1 while it sees enough of the red spot, else 0."""

    needs: float = 0.5

    def probabilities(self, squares: np.ndarray) -> np.ndarray:
        spot = squares[:, TOP : TOP + SPOT, LEFT : LEFT + SPOT]
        seen = ((spot[..., 0] > 200) & (spot[..., 2] < 60)).mean(axis=(1, 2))
        certain = np.clip(0.5 + seen - self.needs, 0.01, 0.99)
        return np.stack([1 - certain, certain], axis=1)


@pytest.fixture
def square() -> np.ndarray:
    picture = np.full((SIZE, SIZE, 3), 90, np.uint8)
    picture[TOP : TOP + SPOT, LEFT : LEFT + SPOT] = (255, 0, 0)
    return picture


@pytest.mark.parametrize("fill", ["blur", "mean"])
def test_the_smallest_cover_lies_on_what_the_answer_hangs_on(square, fill):
    result = smallest_occlusion(SpotSeer(), square, fill)
    left, top, side = result.box
    overlap = [max(0, min(a + side, b + SPOT) - max(a, b)) for a, b in ((left, LEFT), (top, TOP))]
    assert overlap[0] * overlap[1] > 0.5 * SPOT**2
    assert side <= 2 * SPOT
    assert (result.answer, result.becomes) == (1, 0)
    assert result.probability == pytest.approx(SpotSeer().probabilities(result.covered[None])[0, 0])
    unlike = np.argwhere((result.covered != square).any(axis=2))
    assert (unlike >= [top, left]).all()
    assert (unlike < [top + side, left + side]).all()


def test_an_answer_that_no_cover_changes_says_what_was_tried(square):
    steps = []
    result = smallest_occlusion(
        SpotSeer(needs=-1), square, "mean", lambda progress: steps.append((progress.done, progress.total))
    )
    assert result.box is None
    assert result.covered is None
    assert result.sides == tuple(round(SIZE * share) for share in SHARES)
    assert steps[-1] == (result.tried, result.tried)


def test_every_pixel_is_under_some_patch_of_every_size(square):
    from engine.inference.explain.occlusion import _places

    for side in (1, 8, 12, 40, 48):
        seen = np.zeros((SIZE, SIZE), bool)
        for left, top in _places(SIZE, side):
            seen[top : top + side, left : left + side] = True
        assert seen.all()


def test_another_cover_is_named_with_those_there_are(square):
    with pytest.raises(UserError, match="no cover 'noise'.*blur, mean"):
        smallest_occlusion(SpotSeer(), square, "noise")
