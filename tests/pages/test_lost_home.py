"""A disk that goes away under a running server: each page says so, nothing is written where it was, and it comes back."""

import pytest
from tab import PAGES

from engine.core.paths import home as home_folder


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_that_the_disk_is_gone_and_goes_on_when_it_is_back(tab, untrained, tmp_path, page):
    tab.open(page)
    assert not tab.errors
    away, base = tmp_path / "away", home_folder()
    base.rename(away)
    base.mkdir()  # a mount point without its disk
    tab.open(page)
    assert "the disk that holds them is gone" in tab.errors
    assert base.parent.name.replace("_", "\\_") in tab.errors
    assert tab.buttons == []
    assert "no dataset yet" not in tab.text
    assert list(base.iterdir()) == []
    base.rmdir()
    tab.open(page)  # the folder itself is gone: the mount point was inside the disk
    assert "the disk that holds them is gone" in tab.errors
    away.rename(base)
    tab.open(page)
    assert not tab.errors
    assert "scenes" in [box.value for box in tab.at.selectbox]
