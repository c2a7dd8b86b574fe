"""A dataset that is being added can be watched and killed, and is never half added."""

import pytest

from engine.core.errors import UserError
from engine.core.lease import holder, is_held
from engine.data import add_job, datasets


def lease_of(name):
    return datasets.adding_folder(name) / "lease"


@pytest.fixture
def slow(tmp_path, kaggle):
    """A folder that takes a while: many copies of a large picture."""
    from PIL import Image

    large = tmp_path / "large.png"
    Image.effect_noise((2000, 2000), 50).save(large)
    for number in range(80):
        (kaggle / "seg_train" / "seg_train" / "sea" / f"large-{number}.png").hardlink_to(large)
    return kaggle


def test_it_is_added_in_the_background_and_nothing_is_pending_afterwards(kaggle, wait):
    assert add_job.start(str(kaggle)) == "scenes"
    wait(lambda: not add_job.list_pending())
    assert datasets.load_dataset("scenes").catalog.frame("test").shape[0] == 24
    wait(lambda: not is_held(lease_of("scenes")))
    assert add_job.job(str(kaggle), "scenes").status().state == "done"


def test_kill_9_is_named_at_once_leaves_no_half_dataset_and_can_be_tried_again(slow, wait):
    add_job.start(str(slow))
    wait(lambda: add_job.list_pending()[0].status.done > 5)
    holder(lease_of("scenes")).kill()
    failed = wait(lambda: add_job.list_pending()[0].status.state == "failed" and add_job.list_pending()[0], 5)
    assert failed.name == "scenes"
    assert failed.status.message == "The process was killed, probably out of memory, while it was reading images."
    assert datasets.list_datasets() == []
    with pytest.raises(UserError, match="There is no dataset"):
        datasets.load_dataset("scenes")
    for file in slow.glob("seg_train/seg_train/sea/large-*"):
        file.unlink()
    add_job.start(failed.source, failed.name)
    wait(lambda: not add_job.list_pending())
    assert datasets.load_dataset("scenes").catalog.frame("test").shape[0] == 24


def test_a_dataset_that_was_there_stays_as_it_was_when_its_second_scan_is_killed(kaggle, slow, wait):
    for file in (moved := list(slow.glob("seg_train/seg_train/sea/large-*"))):
        file.rename(slow.parent / file.name)
    before, _ = datasets.add_dataset(str(slow))
    fingerprint = before.catalog.fingerprint()
    for file in moved:
        (slow.parent / file.name).rename(file)
    add_job.start(str(slow))
    wait(lambda: add_job.list_pending()[0].status.done > 5)
    holder(lease_of("scenes")).kill()
    wait(lambda: add_job.list_pending()[0].status.state == "failed", 5)
    assert datasets.load_dataset("scenes").catalog.fingerprint() == fingerprint
    assert datasets.load_dataset("scenes").catalog.frame("test").shape[0] == 24


def test_two_at_once_are_one(kaggle, wait):
    assert add_job.start(str(kaggle)) == add_job.start(str(kaggle)) == "scenes"
    wait(lambda: not add_job.list_pending())
    assert [data.name for data in datasets.list_datasets()] == ["scenes"]


def test_a_folder_without_pictures_says_why_until_it_is_dismissed(tmp_path, wait):
    for kind in ("sea", "forest"):
        (tmp_path / "words" / kind).mkdir(parents=True)
        (tmp_path / "words" / kind / "a.jpg").write_text("no picture")
    add_job.start(str(tmp_path / "words"))
    failed = wait(lambda: add_job.list_pending()[0].status.state == "failed" and add_job.list_pending()[0])
    assert failed.status.message.startswith("There are no images in")
    add_job.dismiss("words")
    assert add_job.list_pending() == []
    assert datasets.list_datasets() == []


def test_adding_that_is_stopped_keeps_what_was_read_and_can_go_on(slow, wait):
    add_job.start(str(slow))
    wait(lambda: add_job.list_pending()[0].status.done > 5)
    add_job.list_pending()[0].job.stop()
    stopped = wait(lambda: (pending := add_job.list_pending()[0]).status.state == "stopped" and pending)
    assert datasets.list_datasets() == []
    for file in slow.glob("seg_train/seg_train/sea/large-*"):
        file.unlink()
    add_job.start(stopped.source, stopped.name)
    wait(lambda: not add_job.list_pending())
    assert datasets.load_dataset("scenes").catalog.frame("test").shape[0] == 24


def test_files_of_an_earlier_version_are_passed_over(home):
    folder = datasets.data_dir() / ".adding"
    folder.mkdir(parents=True)
    (folder / "old.json").write_text('{"name": "old", "source": "/images", "state": "failed", "message": "Killed."}')
    (folder / "old.lease").write_text("")
    assert add_job.list_pending() == []
    assert not datasets.is_being_added("old")
