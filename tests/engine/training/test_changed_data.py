"""A dataset that changes under a run: what it has learnt stays what it says, and every image that is not used is named."""

import shutil
import unicodedata

import numpy as np
import pytest
from label_edits import exclude, relabel

from engine.core.errors import UserError
from engine.core.files import content_hash
from engine.core.paths import cache_dir
from engine.curation import removal
from engine.data import datasets
from engine.data.labels import undo
from engine.embeddings.extract import EmbeddingCache
from engine.runs import checkpoint
from engine.runs.config import configure
from engine.runs.data_changes import describe_change
from engine.training import launcher
from engine.training.job import execute
from engine.training.recorder import RunRecorder

pytestmark = pytest.mark.usefixtures("one_thread")
TRAIN = ("seg_train", "seg_train")


@pytest.fixture
def scenes(kaggle):
    """The folder of the registered dataset `scenes`."""
    datasets.add_dataset(str(kaggle))
    return kaggle


def created(preset="fast", **changes):
    settings = {"image_size": 32, "epochs": 1, "patience": 0, "batch_size": 26} if preset == "balanced" else {"image_size": 64}
    return launcher.create(configure("scenes", preset, **{**settings, **changes}))


def carried_out(run):
    execute(run, RunRecorder(run.path))
    return run


def messages(run):
    return [event["text"] for event in run.events()[0] if event["kind"] == "message"]


def images_of(scenes, kind):
    return sorted(scenes.joinpath(*TRAIN, kind).iterdir())


def one_to_learn_from(scenes, kind="sea"):
    return next(scenes / path for path in datasets.load_dataset("scenes").catalog.frame("train")["path"] if f"/{kind}/" in path)


def test_a_run_goes_on_where_the_accents_of_a_class_are_written_otherwise(home, tmp_path, write_class, monkeypatch):
    name = "for\N{LATIN SMALL LETTER E WITH CIRCUMFLEX}t"
    decomposed, folder = unicodedata.normalize("NFD", name), tmp_path / "scenes"
    for class_folder, kind in ((decomposed, "forest"), ("mer", "sea")):
        write_class(folder / class_folder, kind, 10)
    with monkeypatch.context() as patch:  # as catalogs were made before names were composed
        patch.setattr("engine.data.layouts.normalize_name", lambda text: text)
        datasets.add_dataset(str(folder))
    run = carried_out(created("balanced"))
    assert run.classes == (decomposed, "mer")
    removal.remove_dataset("scenes")
    data, _ = datasets.add_dataset(str(folder))
    assert data.classes == (name, "mer")
    assert data.catalog.fingerprint() != run.fingerprint
    execute(run, RunRecorder(run.path))
    assert (run.status.state, run.classes, run.results["test"]["n"]) == ("finished", (decomposed, "mer"), 4)
    exclude(data, data.catalog.frame("train")["id"].tolist()[:1])
    with pytest.raises(UserError, match="have changed since this run started"):
        execute(run, RunRecorder(run.path))


def test_an_edit_of_labels_changes_the_labels_of_a_run_and_not_its_images(scenes, write_class):
    first, data = created(), datasets.load_dataset("scenes")
    relabel(data, data.catalog.frame("train")["id"].tolist()[:1], "sea")
    exclude(data, data.catalog.frame("train")["id"].tolist()[:1])
    second = created()
    assert (
        describe_change(first, second)
        == "The labels were edited between the runs: they were trained on different versions of them."
    )
    assert describe_change(second, second) == ""
    write_class(scenes.joinpath(*TRAIN, "sea"), "sea", 2, first=8000)
    datasets.add_dataset(str(scenes))
    third = created()
    assert describe_change(second, third) == (
        "The images of the dataset have changed between the runs: they were trained on different images."
    )
    assert describe_change(first, third) == "Both the images and the labels of the dataset have changed between the runs."


def test_a_run_does_not_go_on_with_other_images_or_labels_than_it_learnt_from(scenes, write_class):
    run, data = carried_out(created("balanced")), datasets.load_dataset("scenes")
    relabel(data, data.catalog.frame("train")["id"].tolist()[:1], "sea")
    exclude(data, data.catalog.frame("train")["id"].tolist()[:1])
    with pytest.raises(UserError, match=r"have changed since .* .label edits: version 2-\w+ instead of 0-00000000"):
        execute(run, RunRecorder(run.path))
    undo.undo(data)
    undo.undo(data)
    write_class(scenes.joinpath(*TRAIN, "sea"), "sea", 2, first=8000)
    datasets.add_dataset(str(scenes))
    with pytest.raises(UserError, match="The images of scenes have changed since this run started training") as refused:
        execute(run, RunRecorder(run.path))
    assert "Start a new run" in refused.value.hint
    assert checkpoint.load(run.path, "last").step == 2


def test_the_same_images_under_other_names_are_the_same_dataset(scenes):
    run = carried_out(created("balanced"))
    for file in images_of(scenes, "forest"):
        file.rename(file.with_name(f"renamed-{file.name}"))
    datasets.add_dataset(str(scenes))
    carried_out(run)
    assert any(text.startswith("Resumed after step 2") for text in messages(run))


def test_a_run_that_has_learnt_nothing_yet_takes_the_dataset_as_it_is_and_says_so(scenes, write_class):
    run = created()
    before = run.fingerprint
    write_class(scenes.joinpath(*TRAIN, "sea"), "sea", 2, first=8000)
    datasets.add_dataset(str(scenes))
    carried_out(run)
    assert run.fingerprint == datasets.load_dataset("scenes").catalog.fingerprint() != before
    assert "The dataset changed while the run was waiting; it is trained on the new state." in messages(run)


def test_other_classes_need_another_run(scenes):
    run = created()
    shutil.rmtree(scenes.joinpath(*TRAIN, "sea"))
    shutil.rmtree(scenes / "seg_test" / "seg_test" / "sea")
    datasets.add_dataset(str(scenes))
    with pytest.raises(UserError, match="The classes of scenes have changed since this run was created. Start a new run."):
        execute(run, RunRecorder(run.path))


def test_a_file_that_is_gone_and_one_that_was_painted_over_are_named_and_left_out(scenes):
    """And what is in the file now is not remembered as what was in it: the cache is shared by all datasets."""
    run = created()
    gone, changed = one_to_learn_from(scenes, "sea"), one_to_learn_from(scenes, "forest")
    before = content_hash(changed.read_bytes())
    gone.unlink()
    shutil.copy(images_of(scenes, "glacier")[0], changed)
    carried_out(run)
    text = "\n".join(messages(run))
    assert f"Left out: seg_train/seg_train/sea/{gone.name} (the file is gone)." in text
    assert f"Left out: seg_train/seg_train/forest/{changed.name} (its content has changed since the dataset was scanned)." in text
    assert run.results["test"]["n"] == 24
    (file,) = cache_dir("embeddings").glob("*.sqlite")
    assert EmbeddingCache(file.stem).get([before]) == {}


def test_a_class_without_a_picture_left_is_a_sentence(scenes):
    runs = [created(), created("balanced")]
    shutil.rmtree(scenes.joinpath(*TRAIN, "sea"))
    for run in runs:
        with pytest.raises(UserError, match="No training image of 'sea' can be read. Put the files back"):
            execute(run, RunRecorder(run.path))


def test_a_folder_that_is_not_mounted_is_named(scenes, tmp_path):
    run = created()
    scenes.rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="No training image of 'forest', 'glacier', 'mountain', 'sea' can be read"):
        execute(run, RunRecorder(run.path))
    texts = messages(run)
    assert texts[0] == f"The folder {str(scenes)!r} is not there: only what is cached can be used."
    assert texts[-1].startswith("Left out as well: ")
    assert len(texts) < 30


def test_a_training_goes_on_from_the_decoded_images_and_not_without_those_it_has_learnt_from(scenes):
    run = carried_out(created("balanced"))
    one_to_learn_from(scenes).unlink()
    carried_out(run)
    shutil.rmtree(cache_dir("pixels"))
    with pytest.raises(UserError, match="The readable images are not those that this run was trained on"):
        execute(run, RunRecorder(run.path))


def test_the_test_set_is_the_one_of_the_start_whatever_is_scanned_meanwhile(scenes, write_class):
    class Meanwhile(RunRecorder):
        def state(self, state, *args, **more):
            if state == "training":
                write_class(scenes / "seg_test" / "seg_test" / "sea", "sea", 3, first=8000)
                datasets.add_dataset(str(scenes))
            super().state(state, *args, **more)

    run = created()
    execute(run, Meanwhile(run.path))
    assert run.results["test"]["n"] == 24
    assert np.sum(run.predictions("test").table["true"] == 3) == 6
