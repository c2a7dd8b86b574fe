"""Pages of a gallery: together they hold every picture once, and none stands alone on a last page."""

import pytest

from dashboard.app.paging import page_count, page_slice


@pytest.mark.parametrize(
    ("n", "pages"), [(0, 1), (1, 1), (60, 1), (61, 1), (66, 1), (67, 2), (120, 2), (121, 2), (10_026, 167), (10_035, 168)]
)
def test_a_few_pictures_that_are_left_over_stand_on_the_last_page(n, pages):
    assert page_count(n, 60) == pages
    places = [place for number in range(1, pages + 1) for place in range(n)[page_slice(number, n, 60)]]
    assert places == list(range(n))


@pytest.mark.parametrize("size", [12, 24, 60])
def test_every_picture_is_on_one_page_whatever_the_number(size):
    for n in range(4 * size):
        slices = [page_slice(number, n, size) for number in range(1, page_count(n, size) + 1)]
        assert [place for one in slices for place in range(n)[one]] == list(range(n))
        assert n <= size or min(one.stop - one.start for one in slices) >= size // 10
