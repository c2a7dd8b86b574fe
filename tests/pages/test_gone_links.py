"""A link to what is gone says so, and what is shown instead, until the person chooses."""

import pytest
from tab import Tab

from engine.runs import trash


def plain_text(warning) -> str:
    """The words of a warning, without the marks that keep a name from being read as Markdown."""
    return warning.value.replace("\\", "")


@pytest.mark.parametrize("page", ["runs", "evaluate", "train", "predict"])
def test_a_link_to_a_run_that_does_not_exist_says_what_is_shown(copied, page):
    tab = Tab().open(page, dataset="scenes", run="deleted-9")
    assert [plain_text(warning) for warning in tab.at.warning if "deleted-9" in plain_text(warning)] == [
        f"The run deleted-9 does not exist; showing {copied.id}."
    ]
    tab.run()
    assert any("deleted-9" in plain_text(warning) for warning in tab.at.warning)
    tab.press("Dismiss")
    assert not any("deleted-9" in plain_text(warning) for warning in tab.at.warning)


def test_a_link_to_a_run_in_the_trash_offers_the_trash(copied):
    from engine.runs.config import configure
    from engine.training import launcher

    other = launcher.create(configure("scenes"))
    trash.delete(other)
    tab = Tab().open("evaluate", dataset="scenes", run=other.id)
    assert f"The run {other.id} is in the trash; showing {copied.id}." in [plain_text(warning) for warning in tab.at.warning]
    assert "Open the trash on Runs" in tab.links


def test_a_link_to_a_dataset_that_does_not_exist_says_what_is_shown(copied):
    tab = Tab().open("explore", dataset="removed")
    assert "The dataset removed does not exist; showing scenes." in [plain_text(warning) for warning in tab.at.warning]
    assert not any("does not exist" in warning.value for warning in Tab().open("explore", dataset="scenes").at.warning)
