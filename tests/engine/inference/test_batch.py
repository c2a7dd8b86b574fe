"""Pictures that somebody asks about: kept under names that are no places, answered once, gone on with where it was ended."""

import io
import threading
import unicodedata

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from engine.core.errors import UserError
from engine.core.progress import Cancelled
from engine.data.datasets import load_dataset
from engine.data.predictions import ImagePrediction
from engine.data.uploads import UploadItem
from engine.evaluation import metrics
from engine.inference.batch import job, predictions, seen_in_training, store
from engine.inference.batch.table import build_table, flatten, labelled_outcomes, write_table
from engine.inference.predict import predict
from engine.inference.verdict import USUAL, Judge, load_judge
from engine.models import model
from engine.runs.run import load_run


def png(image):
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def run(finished):
    return load_run(finished.run_id)


@pytest.fixture(scope="module")
def loaded(finished_session):
    return model.load_model(finished_session.home / "runs" / finished_session.run_id)


@pytest.fixture
def mixed_batch(run, paint):
    """Six pictures in class folders, one of them filed wrongly, and one that is none."""
    items = [UploadItem(f"{kind}/{i}.png", png(paint(kind, 8000 + i))) for kind in ("forest", "sea") for i in range(3)]
    items[0] = UploadItem("sea/0.png", items[0].content)
    batch = store.create_batch("seven files", [*items[:3], UploadItem("sea/words.jpg", b"no picture"), *items[3:]])
    yield batch
    batch.delete()


def test_names_of_uploads_are_text_and_no_places(home):
    odd = "../../etc/\u202egnp.exe/x.PNG"
    batch = store.create_batch("two", [UploadItem(odd, b"content"), UploadItem("a.jpg", b"", "too large")])
    assert [picture.name for picture in batch.images] == [odd, "a.jpg"]
    stored = [file.relative_to(batch.path).as_posix() for file in home.rglob("*") if file.is_file()]
    assert sorted(stored) == ["batch.json", "files/000000.png"]
    assert batch.image(0).file.read_bytes() == b"content"
    assert batch.image(1).reason == "too large"


def test_a_batch_is_found_again_until_it_is_deleted(home):
    first, second = (store.create_batch(title, [UploadItem("a.png", b"1")]) for title in ("first", "second"))
    assert [one.title for one in store.list_batches()] == ["second", "first"]
    assert store.load_batch(first.id).images == first.images
    first.delete()
    assert [one.id for one in store.list_batches()] == [second.id]
    for name in (first.id, "../runs", "", "0" * 16):
        with pytest.raises(UserError, match="no longer here"):
            store.load_batch(name)


def test_old_batches_give_way_to_new_ones(home, monkeypatch):
    monkeypatch.setenv(store.LIMIT_MB, "1")
    first, second = (store.create_batch("large", [UploadItem("a.png", bytes(700_000))]) for _ in range(2))
    store.create_batch("new", [UploadItem("a.png", b"1")])
    assert not first.path.exists()
    assert second.path.exists()


def test_nothing_is_left_of_an_upload_without_pictures(home):
    with pytest.raises(UserError, match="No images were found"):
        store.create_batch("none", [])
    assert list((home / "batches").iterdir()) == []


def test_the_pictures_of_a_folder_stay_where_they_are(home, tmp_path, write_class):
    written = write_class(tmp_path / "mine" / "sea", "sea", 2)
    (tmp_path / "mine" / "notes.txt").write_text("words")
    batch = store.create_folder_batch(tmp_path / "mine")
    assert [(p.name, p.class_name, p.file) for p in batch.images] == [(f"sea/{f.name}", "sea", f) for f in written]
    job.delete(batch)
    assert all(file.is_file() for file in written)
    for wrong, sentence in ((tmp_path / "gone", "no folder"), (home, "no folder|no images")):
        with pytest.raises(UserError, match=sentence):
            store.create_folder_batch(wrong)


def test_kept_answers_are_those_of_predict_and_the_unreadable_have_a_reason(run, loaded, mixed_batch):
    made = {}
    for part in predictions.predict_batch(mixed_batch, run, loaded, load_judge([run]), batch_size=2):
        made |= part
    stored = predictions.load_predictions(mixed_batch, run)
    assert stored.table["number"].tolist() == sorted(made) == list(range(7))
    expected = predict(loaded, [picture.file for picture in mixed_batch.images])
    for number, one in enumerate(expected):
        row = stored.image(number)
        assert row.error == one.error
        if one.error:
            assert not len(row.probabilities)
        else:
            assert np.abs(row.probabilities - one.probabilities).max() < 0.01
    assert stored.image(3).error == "not an image, despite its name"


@pytest.mark.parametrize("known", ["NFC", "NFD"])
@pytest.mark.parametrize("named", ["NFC", "NFD"])
def test_a_folder_is_its_class_whatever_the_form_of_its_accents(known, named, tmp_path):
    name = "for\N{LATIN SMALL LETTER E WITH CIRCUMFLEX}t"
    known, named = unicodedata.normalize(known, name), unicodedata.normalize(named, name)
    pictures = [store.BatchImage(0, f"{named}/a.jpg", tmp_path / "a.jpg")]
    damaged = ImagePrediction((known, "mer"), np.empty(0), error="damaged")
    made = predictions.BatchPredictions.from_images({0: damaged}, (known, "mer"))
    assert build_table(pictures, made, Judge((known, "mer"), USUAL, 0))["true"].tolist() == [known]


def test_what_is_answered_is_not_answered_again(run, loaded, mixed_batch):
    going = predictions.predict_batch(mixed_batch, run, loaded, load_judge([run]), batch_size=2)
    next(going)
    going.close()
    assert predictions.missing_predictions(mixed_batch, run) == [2, 3, 4, 5, 6]
    rest = [
        number for part in predictions.predict_batch(mixed_batch, run, loaded, load_judge([run]), batch_size=2) for number in part
    ]
    assert rest == [2, 3, 4, 5, 6]
    assert list(predictions.predict_batch(mixed_batch, run, None, load_judge([run]))) == []


def test_a_damaged_part_is_answered_again(run, loaded, mixed_batch):
    list(predictions.predict_batch(mixed_batch, run, loaded, load_judge([run])))
    part = next((mixed_batch.path / "answers").glob("*/*.parquet"))
    part.write_bytes(part.read_bytes()[:100])
    assert predictions.missing_predictions(mixed_batch, run) == list(range(7))


def test_class_folders_give_scores_and_the_table_a_file(run, loaded, mixed_batch, tmp_path):
    list(predictions.predict_batch(mixed_batch, run, loaded, load_judge([run])))
    result = build_table(mixed_batch.images, predictions.load_predictions(mixed_batch, run), load_judge([run]))
    assert result["predicted"].tolist() == ["forest"] * 3 + [""] + ["sea"] * 3
    scores = metrics.score_predictions(labelled_outcomes(result, run.classes), run.classes)
    assert (scores["n"], scores["accuracy"]["value"]) == (6, pytest.approx(5 / 6))
    plain = flatten(result, run.classes)
    for name in ("answers.csv", "answers.parquet"):
        write_table(plain, tmp_path / name)
    read = pd.read_csv(tmp_path / "answers.csv", keep_default_na=False)
    assert (
        read["predicted"].tolist()
        == pd.read_parquet(tmp_path / "answers.parquet")["predicted"].tolist()
        == result["predicted"].tolist()
    )
    assert plain.filter(like="probability of").sum(axis=1)[0] == pytest.approx(1, abs=1e-5)
    with pytest.raises(UserError, match="what kind of table"):
        write_table(plain, tmp_path / "answers.xls")


def test_pictures_that_a_run_has_learnt_from_are_left_out_of_its_score(run, finished, paint):
    images = load_dataset("scenes").catalog
    trained, unseen = (images.files(images.frame(split))[0] for split in ("train", "test"))
    uploaded = store.create_batch(
        "three",
        [
            *(UploadItem(f"sea/{f.name}", f.read_bytes()) for f in (trained, unseen)),
            UploadItem("sea/new.png", png(paint("sea", 1))),
        ],
    )
    filed = store.create_folder_batch(unseen.parent.parent)
    everything = store.create_folder_batch(finished.images)
    try:
        assert seen_in_training.find_training_images([run], uploaded.images) == {0}
        assert seen_in_training.find_training_images([run], filed.images) == frozenset()
        learnt = seen_in_training.find_training_images([run], everything.images)
        assert {everything.image(n).file for n in learnt} == set(images.files(images.frame("train")))
    finally:
        for batch in (uploaded, filed, everything):
            batch.delete()
    known = pd.DataFrame({"number": [0, 1]})
    half = seen_in_training.exclude_training_images(known, frozenset({0}))
    assert (half.rows["number"].tolist(), half.excluded, half.sentence("x")) == (
        [1],
        1,
        "1 more is a training image of x, excluded from the score.",
    )
    every = seen_in_training.exclude_training_images(known, frozenset({0, 1, 2}))
    assert (len(every.rows), every.excluded) == (2, 2)
    assert "nothing about new images" in every.sentence("x")
    assert seen_in_training.exclude_training_images(known, frozenset()).sentence("x") == ""


def test_the_mean_of_two_runs_puts_their_classes_in_one_order(run):
    def made(values, novelty, classes, source):
        images = {
            0: ImagePrediction(classes, np.array(values, np.float32), novelty),
            1: ImagePrediction(classes, np.empty(0), error="gone"),
        }
        return predictions.BatchPredictions.from_images(images, classes, source)

    first = made([0.7, 0.1, 0.1, 0.1], 0.5, run.classes, run.id)
    second = made([0.1, 0.1, 0.3, 0.5], 1.0, run.classes[::-1], "turned")
    for both in (first.mean(second).image(0), first.image(0).mean(second.image(0))):
        assert both.probabilities == pytest.approx([0.6, 0.2, 0.1, 0.1])
        assert (both.novelty, both.top(1)[0].name) == (0.75, run.classes[0])
    assert first.mean(second).image(1).error == "gone"
    with pytest.raises(UserError, match="pets and .* were trained on different classes"):
        first.mean(made([0.5, 0.5], 0.1, ("cat", "dog"), "pets"))


def test_the_mean_is_of_the_images_that_all_runs_could_read():
    classes = ("cat", "dog")
    whole = {number: ImagePrediction(classes, np.array([1.0, 0.0], np.float32), 0.0) for number in range(3)}
    gone = whole | {1: ImagePrediction(classes, np.empty(0), error="gone")}
    first, second = (predictions.BatchPredictions.from_images(images, classes) for images in (whole, gone))
    mean = first.mean(second)
    assert [mean.image(number).error for number in range(3)] == ["", "gone", ""]
    assert mean.readable.ids.tolist() == [0, 2]


def test_twenty_at_once_each_get_the_answer_to_their_own_picture(run, loaded, paint):
    kinds = ("forest", "sea", "glacier", "mountain")
    batches = [store.create_batch("one", [UploadItem("x.png", png(paint(kind, 9000 + i)))]) for i in range(5) for kind in kinds]
    answers = {}

    def ask(batch):
        answers[batch.id] = next(predictions.predict_batch(batch, run, loaded, load_judge([run]), batch_size=1))[0].probabilities

    threads = [threading.Thread(target=ask, args=(batch,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = predict(loaded, [batch.image(0).file for batch in batches])
    assert len({one.probabilities.tobytes() for one in alone}) == 20
    for batch, one in zip(batches, alone, strict=True):
        assert np.abs(answers[batch.id] - one.probabilities).max() < 0.01
        batch.delete()


def test_what_a_stopped_job_has_answered_is_kept(run, mixed_batch, monkeypatch):
    def stop(progress):
        if progress.phase.startswith("predicting"):
            raise Cancelled

    monkeypatch.setattr(job.Job, "start", lambda self: None)
    job.start(mixed_batch, [run])
    with pytest.raises(Cancelled):
        job.work(mixed_batch, stop)
    assert predictions.missing_predictions(mixed_batch, run) == []


def test_a_process_answers_in_the_background_and_goes_on_where_it_was_ended(run, loaded, mixed_batch, wait):
    next(predictions.predict_batch(mixed_batch, run, loaded, load_judge([run]), batch_size=2))
    before = len(predictions.load_predictions(mixed_batch, run))
    job.start(mixed_batch, [run])
    wait(lambda: job.job(mixed_batch).status().state in ("done", "failed"))
    assert job.job(mixed_batch).status().message == ""
    assert before == 2
    assert predictions.missing_predictions(mixed_batch, run) == []


TWINS = {
    "transparent": lambda image: (image.convert("RGBA"), "PNG", {}),
    "palette": lambda image: (image.quantize(256), "PNG", {}),
    "grey": lambda image: (image.convert("L"), "PNG", {}),
    "16 bits": lambda image: (Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257), "PNG", {}),
    "printed": lambda image: (image.convert("CMYK"), "TIFF", {}),
    "turned": lambda image: (image.transpose(Image.Transpose.ROTATE_90), "PNG", {"exif": _sideways()}),
    "animated": lambda image: (image.quantize(256), "GIF", {"save_all": True, "append_images": [Image.new("P", image.size)]}),
    "phone": lambda image: (image, "HEIF", {"quality": -1}),
}


def _sideways():
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


@pytest.mark.parametrize("kind", TWINS)
def test_every_kind_of_file_is_answered_as_the_plain_picture_that_a_person_sees(loaded, kind, paint):
    original = paint("mountain", 8100, size=80).crop((0, 0, 80, 64))
    image, format, options = TWINS[kind](original)
    stream = io.BytesIO()
    image.save(stream, format, **options)
    seen = original if kind in ("turned", "phone") else Image.fromarray(np.asarray(image)) if kind == "grey" else image
    if kind == "16 bits":
        seen = original.convert("L")
    answer, twin = predict(loaded, [stream.getvalue(), png(seen.convert("RGB"))])
    assert answer.error == twin.error == ""
    # What phones write loses something in any case.
    assert np.abs(answer.probabilities - twin.probabilities).max() < (0.1 if kind == "phone" else 1e-6)
