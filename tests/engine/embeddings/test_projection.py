"""The map: the same each time, true to neighbourhoods, exact about what an area holds."""

import numpy as np
import pytest

from engine.core.errors import UserError
from engine.embeddings import projection
from engine.embeddings.neighbours import normalise, write_index


@pytest.fixture(scope="module")
def groups() -> tuple[np.ndarray, np.ndarray]:
    """240 vectors of 64 features in 4 groups, and their groups."""
    rng = np.random.default_rng(5)
    of = rng.integers(0, 4, 240)
    return normalise(rng.normal(size=(4, 64))[of] + 0.6 * rng.normal(size=(240, 64))).astype(np.float32), of


@pytest.fixture(scope="module")
def mapped(groups) -> tuple[np.ndarray, np.ndarray]:
    return projection.project(groups[0])


def test_the_same_images_and_seed_give_the_same_map(groups, mapped):
    again, near = projection.project(groups[0])
    assert np.array_equal(again, mapped[0])
    assert np.array_equal(near, mapped[1])
    assert not np.array_equal(projection.project(groups[0][::-1])[0], again)


def test_groups_stay_together_on_the_map(groups, mapped):
    of, (xy, near) = groups[1], mapped
    apart = np.linalg.norm(xy[:, None] - xy, axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (of[apart.argmin(axis=1)] == of).mean() > 0.99
    # As much as a tenth of that would be chance: 10 of 239.
    assert projection.preserved_neighbours(xy, near) > 0.4


def test_coordinates_are_steps_that_the_browser_can_hold(mapped):
    xy = mapped[0].astype(float)
    assert np.array_equal(xy * projection.STEPS, np.round(xy * projection.STEPS))
    assert xy.min() >= 0
    assert xy.max() == projection.SPAN
    assert np.ptp(xy[:, 0]) == projection.SPAN, "the longer side lies across"


@pytest.mark.parametrize("n", [projection.FEWEST, 13, 40])
def test_a_small_dataset_has_a_map(groups, n):
    xy, near = projection.project(groups[0][:n])
    assert xy.shape == (n, 2)
    assert np.isfinite(xy).all()
    assert near.shape == (n, min(projection.NEAR, n - 1))


def test_images_that_are_all_alike_have_a_map(groups):
    xy, _ = projection.project(np.repeat(groups[0][:1], 30, axis=0))
    assert np.isfinite(xy).all()


def test_too_few_images_are_said(groups):
    with pytest.raises(UserError, match="at least 10 images; there are 9"):
        projection.project(groups[0][:9])


def test_a_sample_keeps_its_images_when_others_come(groups):
    marks = np.random.default_rng(1).integers(0, 2**63, 5000).astype(np.uint64)
    before = set(marks[projection.sample_rows(marks[:4000], 1000)].tolist())
    after = set(marks[projection.sample_rows(marks, 1000)].tolist())
    assert len(before) == len(after) == 1000
    assert len(before & after) > 750  # a fifth more images take a fifth of the places
    assert np.array_equal(projection.sample_rows(marks, 5000), np.arange(5000))


def test_a_map_of_more_images_than_are_drawn_says_so_and_is_kept(groups, tmp_path):
    vectors, _ = groups
    marks = np.random.default_rng(2).integers(0, 2**63, len(vectors)).astype(np.uint64)
    index = write_index(tmp_path, [(np.arange(len(vectors)) + 1, marks, vectors)], {"digest": "d"})
    drawn = projection.build_map(tmp_path, index, limit=60)
    assert len(drawn) == 60
    assert drawn.document["of"] == 240
    assert np.array_equal(drawn.marks, marks[drawn.ids - 1])
    phases = []
    again = projection.build_map(tmp_path, index, limit=60, report=lambda progress: phases.append(progress.phase))
    assert phases == [], "nothing is computed twice"
    assert again.version == drawn.version
    assert np.array_equal(projection.load_map(tmp_path).xy, drawn.xy)
    assert projection.build_map(tmp_path, index, limit=80).version != drawn.version
    assert len(list(tmp_path.glob("map-*.npz"))) == 1


def test_a_damaged_map_is_none(groups, tmp_path):
    index = write_index(tmp_path, [(np.arange(12), np.arange(12, dtype=np.uint64), groups[0][:12])], {"digest": "d"})
    drawn = projection.build_map(tmp_path, index)
    file = tmp_path / f"map-{drawn.version}.npz"
    file.write_bytes(file.read_bytes()[:-30])
    assert projection.load_map(tmp_path) is None


def test_a_new_image_is_placed_among_its_own(groups, tmp_path):
    vectors, of = groups
    index = write_index(tmp_path, [(np.arange(200), np.arange(200, dtype=np.uint64), vectors[:200])], {"digest": "d"})
    drawn = projection.build_map(tmp_path, index)
    placed = projection.place_images(drawn, index, vectors[200:])
    nearest = np.linalg.norm(placed[:, None] - drawn.xy, axis=2).argmin(axis=1)
    assert (of[:200][nearest] == of[200:]).mean() > 0.95


def test_an_area_holds_the_points_that_the_even_odd_rule_gives_it():
    across, down = np.meshgrid(np.arange(0, 11), np.arange(0, 11))
    xy = np.stack([across.ravel(), down.ravel()], axis=1).astype(np.float32)
    square = projection.points_inside(xy, np.array([[1.5, 1.5], [6.5, 1.5], [6.5, 4.5], [1.5, 4.5]]))
    assert {tuple(at) for at in xy[square].tolist()} == {(x, y) for x in range(2, 7) for y in range(2, 5)}
    arrow = projection.points_inside(xy, np.array([[0.5, 0.5], [9.5, 5], [0.5, 9.5], [5.2, 5]]))
    assert arrow[(xy == [7, 5]).all(axis=1)].all()
    assert not arrow[(xy == [3, 5]).all(axis=1)].any(), "a notch is outside"
    crossed = projection.points_inside(xy, np.array([[0.5, 0.5], [9.5, 9.5], [9.5, 0.5], [0.5, 9.5]]))
    assert {tuple(at) for at in xy[crossed].tolist()} & {(1, 5), (9, 5), (5, 1), (5, 9)} == {(1, 5), (9, 5)}
    assert not projection.points_inside(xy, np.array([[0, 0], [9, 9]])).any()


def test_company_is_the_commonest_label_around():
    labels = np.array([0, 0, 1, 1, -1, -1])
    near = np.array([[1, 2, 3], [0, 4, 5], [3, 0, 1], [2, 4, 0], [4, 5, 5], [2, 0, 1]])
    assert projection.majority_label(labels, near).tolist() == [1, 0, 0, 1, -1, 0]
