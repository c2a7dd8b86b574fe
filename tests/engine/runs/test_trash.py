"""A deletion can be undone, and what people say about a run is kept with it."""

import time

import pytest

from engine.core.errors import UserError
from engine.core.files import write_json
from engine.core.lease import Lease
from engine.data import datasets
from engine.runs import trash
from engine.runs.config import configure
from engine.runs.metadata import Metadata, load_metadata, update_metadata
from engine.runs.run import list_runs, load_run
from engine.training import launcher


@pytest.fixture
def run(kaggle):
    """A run that ended."""
    datasets.add_dataset(str(kaggle))
    run = launcher.create(configure("scenes", seed=5))
    write_json(run.path / "status.json", {"state": "stopped", "updated": time.time()})
    return run


def files(path):
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_a_deleted_run_is_in_no_list_and_comes_back_as_it_was(run):
    update_metadata(run.path, name="the good one")
    before = files(run.path)
    trash.delete(run)
    assert list_runs() == []
    assert not run.path.exists()
    with pytest.raises(UserError, match="There is no run"):
        load_run(run.id)
    assert [entry.id for entry in trash.list_deleted()] == [run.id]
    assert trash.restore(run.id) == run
    assert files(run.path) == before
    assert list_runs() == [run]
    assert trash.list_deleted() == []


def test_an_active_run_is_not_deleted(run):
    lease = Lease(run.path / "lease")
    assert lease.acquire()
    write_json(run.path / "status.json", {"state": "training", "updated": time.time()})
    with pytest.raises(UserError, match=f"The run {run.id} is training. Stop it first"):
        trash.delete(run)
    assert (run.path / "config.json").is_file()
    lease.release()


def test_a_run_that_is_gone_already_is_told(run):
    trash.delete(run)
    with pytest.raises(UserError, match="There is no run"):
        trash.delete(run)
    with pytest.raises(UserError, match="There is no run 'fast-99' in the trash"):
        trash.restore("fast-99")


def test_a_new_run_never_takes_the_name_of_a_deleted_one(run):
    trash.delete(run)
    assert launcher.create(configure("scenes")).id != run.id
    assert trash.restore(run.id).config == configure("scenes", seed=5)


def test_the_trash_is_emptied_of_what_is_old_at_the_next_deletion(run):
    other = launcher.create(configure("scenes"))
    write_json(other.path / "status.json", {"state": "stopped", "updated": time.time()})
    trash.delete(run)
    (entry,) = trash.list_deleted()
    assert entry.size == sum(map(len, files(entry.path).values()))
    write_json(entry.path / "deleted.json", {"time": time.time() - (trash.DAYS + 1) * 86_400})
    trash.delete(other)
    assert [entry.id for entry in trash.list_deleted()] == [other.id]
    assert trash.empty(older_than_days=1) == []
    assert trash.empty() == [other.id]
    assert trash.list_deleted() == []


def test_a_name_a_note_and_tags_are_kept_one_by_one(run):
    assert run.title == run.id
    update_metadata(run.path, name="  two\nlines ")
    update_metadata(run.path, note="why\nand what")
    update_metadata(run.path, tags=["baseline", " baseline ", "", "with space"])
    assert load_metadata(run.path) == Metadata("two lines", "why\nand what", ("baseline", "with space"))
    assert (run.title, run.id) == ("two lines", run.path.name)
    update_metadata(run.path, name="")
    assert run.title == run.id
    assert load_metadata(run.path).tags == ("baseline", "with space")


@pytest.mark.parametrize(
    ("saying", "sentence"),
    [
        ({"name": "n" * 61}, "The name has 61 characters. At most 60 fit."),
        ({"note": "n" * 4001}, "The note has 4001 characters. At most 4000 fit."),
        ({"tags": ["t" * 25]}, "The tag has 25 characters. At most 24 fit."),
        ({"tags": map(str, range(13))}, "A run has at most 12 tags."),
    ],
)
def test_a_text_that_is_too_long_is_told_and_changes_nothing(run, saying, sentence):
    update_metadata(run.path, name="before")
    with pytest.raises(UserError) as error:
        update_metadata(run.path, **saying)
    assert sentence in str(error.value)
    assert load_metadata(run.path) == Metadata("before")


@pytest.mark.parametrize("text", ["{", "[]", '{"name": 3, "tags": "x", "note": null}', "\x00"])
def test_a_damaged_description_says_nothing_and_hurts_nobody(run, text):
    (run.path / "about.json").write_text(text)
    assert load_metadata(run.path) == Metadata()
    assert run.title == run.id


def test_what_a_file_says_is_read_again_whenever_it_changes(run):
    names = [f"n{number:02d}" for number in range(50)]
    for name in names:
        update_metadata(run.path, name=name)
        assert run.title == name
    time.sleep(0.15)
    assert run.title == "n49"
    update_metadata(run.path, name="n50")
    assert run.title == "n50"
