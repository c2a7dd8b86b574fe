"""A disk that takes nothing more: a button that would write says so, and the page shows what it showed before."""

import errno
import shutil

import pytest

from dashboard.app.formatting import literal
from dashboard.predict import ood_status
from engine.core import jobs
from engine.core.errors import DiskError
from engine.core.paths import cache_dir
from engine.data.uploads import UploadItem
from engine.inference import verdict
from engine.inference.batch import predictions, store
from engine.models import model

FULL = DiskError("The disk that holds 'x' is full: 0 bytes are free.", "Free some space.", errno.ENOSPC)


@pytest.fixture
def full(monkeypatch):
    """full(): from now on no job can be started and no answer stored: their folders take no file."""

    def refuse(*arguments, **options):
        raise FULL

    def fill() -> None:
        for module in (jobs, predictions):
            monkeypatch.setattr(module, "create_folder", refuse)

    return fill


@pytest.mark.parametrize(
    ("page", "query", "button"),
    [
        ("explore", {"question": "alike"}, "Compute map"),
        ("clean", {}, "Start the audit"),
    ],
)
def test_work_that_cannot_be_started_leaves_the_page_as_it_was(tab, untrained, full, page, query, button):
    before = tab.open(page, dataset="scenes", **query).text
    full()
    tab.press(button)
    assert [toast.value for toast in tab.at.toast] == [literal(str(FULL))]
    assert tab.text == before


def test_examples_that_cannot_be_stored_are_a_sentence(tab, trained, monkeypatch):
    def refuse(*arguments, **options):
        raise FULL

    tab.open("predict", run=trained.id)
    before = tab.text
    monkeypatch.setattr(store, "create_batch", refuse)
    tab.press("Try six")
    assert "is full" in tab.at.toast[0].value
    assert tab.text == before


@pytest.mark.parametrize("count", [2, 14])
def test_answers_are_shown_where_nothing_can_be_written(tab, copied, full, write_class, tmp_path, count):
    """Neither what tells the unknown nor the rest of the answers can be prepared."""
    files = write_class(tmp_path / "sea", "sea", count, 6000)
    batch = store.create_batch("pictures", [UploadItem(file.name, file.read_bytes(), "") for file in files])
    if count > 12:
        rows = predictions.predict_batch(
            batch, copied, model.load_model(copied.path), verdict.load_judge((copied,)), batch_size=5
        )
        next(rows)
        rows.close()
    shutil.rmtree(cache_dir("novelty"), ignore_errors=True)  # another test may have prepared it
    full()
    tab.open("predict", run=copied.id, batch=batch.id)
    assert f"{ood_status._UNAVAILABLE}: The disk that holds 'x' is full" in tab.text.replace("\\", "")
    assert ("The disk that holds 'x' is full" in tab.errors) == (count > 12)
    assert ("5 of 5 predictions" if count > 12 else "**sea") in tab.text
