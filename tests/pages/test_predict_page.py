"""The Predict page: uploads are classified, saved and shown again; wrong predictions can be corrected."""

import io
import re
import shutil
import zipfile

import numpy as np
import pytest
from label_edits import exclude
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboard import cache
from dashboard.app import image_urls
from dashboard.http import batch_images
from dashboard.predict import ood_status
from dashboard.predict.prediction import headline
from dashboard.predict.unused_files import sentence
from engine.core.number_text import probability as percent
from engine.data import decoding
from engine.data.datasets import load_dataset
from engine.data.labels import edits, undo
from engine.data.predictions import ImagePrediction
from engine.data.uploads import UploadItem
from engine.inference import corrections, ood
from engine.inference.batch import job, predictions, store
from engine.inference.predict import predict
from engine.inference.verdict import SURE, UNKNOWN, UNSURE, Verdict
from engine.models import model
from engine.runs.run import list_runs, load_run


@pytest.fixture(scope="module")
def prepared(finished_session, tmp_path_factory):
    """A home of this file's own with the finished run, a second one like it, and what tells the unknown of both."""
    home = shutil.copytree(finished_session.home, tmp_path_factory.mktemp("predict") / "home")
    shutil.copytree(home / "runs" / finished_session.run_id, home / "runs" / "second")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCENESCOPE_HOME", str(home))
        for one in list_runs():
            ood.fit_detector(one, model.load_model(one.path))
    return home


@pytest.fixture
def run(prepared, finished_session, monkeypatch):
    monkeypatch.setenv("SCENESCOPE_HOME", str(prepared))
    return load_run(finished_session.run_id)


@pytest.fixture
def scenes(write_class, tmp_path):
    """scenes(kind, count): new pictures of a kind, as files."""
    return lambda kind, count=1, first=6000: write_class(tmp_path / kind, kind, count, first)


def upload(tab, *files):
    tab.at.file_uploader[0].set_value([(name, content, "image/png") for name, content in files])
    return tab.run()


def zipped(**files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def shown(tab):
    return store.load_batch(tab.url("batch"))


def test_the_answers_are_the_models_and_what_is_no_picture_is_named(tab, run, scenes):
    files = [scenes("forest")[0].read_bytes(), scenes("sea")[0].read_bytes()]
    tab.open("predict", run=run.id)
    upload(tab, ("a.png", files[0]), ("no*picture*.jpg", b"plain words"), ("b.png", files[1]))
    for prediction in predict(model.load_model(run.path), files):
        name, probability = prediction.top(1)[0]
        assert f"**{name} {percent(probability)}**" in tab.text
    assert [box.value.replace("\\", "") for box in tab.at.warning] == [
        "1 file is not used. no*picture*.jpg: not an image, despite its name."
    ]
    assert "3 files, " in tab.text and "3 pictures" not in tab.text
    assert predictions.missing_predictions(shown(tab), run) == []


def test_a_reload_shows_the_same_pictures_and_deleting_them_ends_that(tab, run, scenes):
    tab.open("predict", run=run.id)
    upload(tab, ("IMG_1.png", scenes("sea")[0].read_bytes()))
    before, name = tab.text, tab.url("batch")
    again = type(tab)().open("predict", run=run.id, batch=name)
    assert again.text == before
    again.press("Delete these")
    assert again.url("batch") is None
    tab.run()
    assert "no longer here" in tab.text.replace("\\", "")


def encoded(size, kind):
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)
    Image.fromarray(noise).resize(size).save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize("picture", [("a.jpg", (150, 150), "JPEG"), ("b.png", (1300, 900), "PNG")])
def test_a_picture_is_decoded_once_for_its_prediction_its_heatmap_and_the_page(tab, run, monkeypatch, picture):
    name, size, kind = picture
    decodes, load = [], decoding._load

    def count(content, min_size):
        decodes.append(len(content))
        return load(content, min_size)

    monkeypatch.setattr(decoding, "_load", count)
    tab.open("predict", run=run.id)
    upload(tab, (name, encoded(size, kind)))
    assert len(decodes) == 1, "the nearest training images are of the same decoding"
    batch = shown(tab)
    client = TestClient(Starlette(routes=batch_images.ROUTES))
    urls = [
        image_urls.network_input_url(run, batch, 0),
        *(image_urls.heatmap_url(run, batch, 0, c, "grad-cam") for c in run.classes),
    ]
    responses = [client.get(url) for url in urls]
    tab.run()
    assert len(decodes) == 1
    assert {Image.open(io.BytesIO(response.content)).size for response in responses} == {(480, 480)}
    assert np.array_equal(cache.upload_squares(batch.image(0), 64).network, decoding.load_square(batch.image(0).file, 64))


def test_a_picture_on_the_page_is_sharp_where_the_network_sees_few_pixels(run, tmp_path):
    file = tmp_path / "photo.jpg"
    file.write_bytes(encoded((2000, 1500), "JPEG"))
    squares = decoding.load_squares(file, 64, 480)
    assert np.array_equal(squares.network, decoding.load_square(file, 64))
    assert np.array_equal(squares.display, decoding.load_square(file, 480))


def test_pictures_of_the_same_name_and_of_the_same_content_are_all_answered(tab, run, scenes):
    forest, sea = (scenes(kind)[0].read_bytes() for kind in ("forest", "sea"))
    tab.open("predict", run=run.id)
    upload(tab, ("IMG_1.png", forest), ("IMG_1.png", sea), ("IMG_1.png", forest))
    made = predictions.load_predictions(shown(tab), run).table["probabilities"]
    assert len(made) == 3
    assert made[0].tolist() == made[2].tolist() != made[1].tolist()


def test_a_zip_with_class_folders_is_answered_in_the_background_and_scored(tab, run, scenes, wait):
    files = {f"{kind}/{i}.png": file.read_bytes() for kind in ("forest", "sea") for i, file in enumerate(scenes(kind, 8))}
    tab.open("predict", run=run.id)
    upload(tab, ("scenes.zip", zipped(**files)))
    batch = shown(tab)
    wait(lambda: job.job(batch).status().state in ("done", "failed"))
    tab.run()
    assert "16 of 16 predictions" in tab.text
    assert [metric.value for metric in tab.at.metric][0] == "16"
    assert len(tab.items("asked")) == 16
    tab.choose("batch-classes", ["sea"])
    result = predictions.load_predictions(batch, run)
    sea = sum(one.name == "sea" for (one,) in result.readable.top(1))
    assert len(tab.items("asked")) == sea
    tab.choose("as", "table")
    assert f"{sea} of 16 predictions" in tab.text


def test_a_picture_opens_in_full_while_what_tells_the_unknown_is_made(tab, run, scenes, monkeypatch):
    monkeypatch.setattr(ood_status, "is_detector_ready", lambda run: False)
    monkeypatch.setattr(ood_status, "detector_progress", lambda run: None)
    tab.open("predict", run=run.id)
    upload(tab, *((f"{kind}.png", scenes(kind)[0].read_bytes()) for kind in ("sea", "forest")))
    assert predictions.missing_predictions(shown(tab), run) == [0, 1], "answers are kept when they are final"
    tab.press("More")
    assert "Wrong? Correct it" in tab.text


def test_two_runs_stand_side_by_side_with_their_mean(tab, run, scenes):
    tab.open("predict", run=run.id, **{"with": "second"})
    upload(tab, ("sea.png", scenes("sea")[0].read_bytes()))
    assert "Mean of both" in tab.text
    key = f"detail-{tab.url('batch')}-0"
    # The second run is a copy of the first.
    assert tab.figure(key)["data"] == tab.figure(f"{key}-{run.id}")["data"] == tab.figure(f"{key}-second")["data"]


def test_where_it_looked_is_for_the_class_and_by_the_method_that_were_chosen(tab, run, scenes):
    tab.open("predict", run=run.id)
    upload(tab, ("sea.png", scenes("sea")[0].read_bytes()))
    pane = f"pane-detail-{tab.url('batch')}-0"
    assert "class=sea" in tab.data(pane)["overlay"]
    tab.choose("cam_class", "glacier")
    assert "class=glacier" in tab.data(pane)["overlay"]
    tab.choose("cam_method", "layer-cam")
    assert "by=layer-cam" in tab.data(pane)["overlay"]
    tab.choose("opacity", 0)
    assert tab.data(pane)["overlay"] == ""


def test_a_wrong_answer_is_told_its_class_and_can_be_taken_back(tab, run, scenes):
    tab.open("predict", run=run.id)
    upload(tab, ("x.png", scenes("mountain", first=6100)[0].read_bytes()))
    key = f"detail-{tab.url('batch')}-0"
    tab.choose(f"right-{key}", "mountain")
    tab.press("Save correction")
    assert "Corrected to mountain" in tab.text
    entries = corrections.list_corrections(load_dataset("scenes"))
    assert [one.class_name for one in entries] == ["mountain"]
    assert tab.items("corrections")[0]["src"].endswith(f"{entries[0].content}.jpg")
    again = type(tab)().open("predict", run=run.id, batch=tab.url("batch"))
    assert "Corrected to mountain" in again.text
    again.press("Undo")
    assert corrections.list_corrections(load_dataset("scenes")) == []
    assert "Kept as" not in again.text and "Corrections for" not in again.text
    again.choose(f"right-{key}-1", "mountain").press("Save correction")
    assert [one.class_name for one in corrections.list_corrections(load_dataset("scenes"))] == ["mountain"], (
        "the same class once more"
    )
    again.press("Undo")


def test_the_label_of_an_image_of_the_dataset_is_changed_after_a_question_and_undone_on_the_spot(tab, run):
    tab.open("predict", run=run.id, examples="3")
    batch, data = shown(tab), load_dataset("scenes")
    assert tab.text.count("filed under") == len(batch.images) == 6
    one = store.create_batch("one", [UploadItem("x.png", batch.image(0).file.read_bytes())])
    tab = type(tab)().open("predict", run=run.id, batch=one.id)
    row = data.catalog.copies(one.image(0).content)[0]
    other = next(name for name in run.classes if name != row.class_name)
    before = len(edits.open_log(data).entries)
    tab.choose(f"right-detail-{one.id}-0", other).press("Save correction")
    assert "favour the model" in tab.text, "a test label: Clean's own warning"
    assert (data.catalog.get(row.id).class_name, len(edits.open_log(data).entries)) == (row.class_name, before), "nothing unasked"
    tab.press(f"Keep {row.class_name}")
    assert "favour the model" not in tab.text
    tab.press("Save correction").press(f"Change its label to {other}")
    assert data.catalog.get(row.id).class_name == other
    assert corrections.list_corrections(data) == []
    exclude(data, [data.catalog.frame("train")["id"].iloc[0]])
    tab.press("Undo")
    assert f"Its label is {row.class_name} again" in tab.text
    assert data.catalog.get(row.id).class_name == row.class_name
    assert edits.open_log(data).entries[-1].action == "restore", "what was decided after it holds still"
    undo.undo(data)
    assert data.catalog.get(row.id).class_name == other
    undo.restore(data, edits.open_log(data).version(before))


def test_the_way_leads_from_a_changed_label_to_clean(tab, run):
    data = load_dataset("scenes")
    row = data.catalog.get(int(data.catalog.frame("test")["id"].iloc[0]))
    other = next(name for name in run.classes if name != row.class_name)
    one = store.create_batch("one", [UploadItem("x.png", row.file(data.root).read_bytes())])
    tab.open("predict", run=run.id, batch=one.id)
    tab.choose(f"right-detail-{one.id}-0", other).press("Save correction").press(f"Change its label to {other}")
    tab.press("Show on Clean")
    assert tab.url("clean") == "decided"
    undo.undo(data)


def test_a_folder_that_is_not_there_costs_a_sentence(tab, run, tmp_path):
    tab.open("predict", run=run.id, **{"from": "here"})
    tab.at.text_input[0].set_value(str(tmp_path / "gone"))
    tab.press("Open")
    assert "There is no folder" in tab.errors


def test_what_of_many_files_is_not_used_is_counted_and_named_and_asked_for_no_picture(tab, run, scenes, wait):
    files = {f"{i}.png": file.read_bytes() for i, file in enumerate(scenes("sea", 13))}
    tab.open("predict", run=run.id)
    upload(tab, ("photos.zip", zipped(**files, **{"words.jpg": b"plain words", "none.png": b""})))
    batch = shown(tab)
    wait(lambda: job.job(batch).status().state in ("done", "failed"))
    tab.run()
    assert "photos.zip: 15 files" in tab.text.replace("\\", "") and "13 of 13 predictions" in tab.text
    [box] = tab.at.warning
    assert "2 files are not used" in box.value and "words" in box.value and "none" in box.value
    assert len(tab.items("asked")) == 13, "a picture that cannot be shown is not asked for"
    assert not {"top", "cam_class", "cam_method", "opacity"} & {box.key for box in [*tab.at.selectbox, *tab.at.slider]}, (
        "no dead controls"
    )
    shown_answers = sum(
        int(count) for count in re.findall(r"(\d+) (?:sure|unsure|none of)", tab.text.partition("13 of 13 predictions")[2])
    )
    assert shown_answers == 13


def test_a_folder_names_what_it_holds_besides_pictures(tab, run, scenes, tmp_path):
    folder = scenes("sea", 2)[0].parent
    (folder / "notes.txt").write_text("words")
    (folder / "old.psd").write_bytes(b"8BPS")
    batch = store.create_folder_batch(folder)
    assert [picture.name for picture in batch.images] == ["6000.png", "6001.png"]
    assert batch.unused.files == 2
    tab.open("predict", run=run.id, batch=batch.id)
    [box] = tab.at.warning
    text = box.value.replace("\\", "")
    assert text.startswith("2 files are not used.") and "notes.txt" in text and "old.psd" in text


def test_the_map_says_whose_it_is_where_two_runs_answer(tab, run, scenes):
    tab.open("predict", run=run.id, **{"with": "second"})
    upload(tab, ("sea.png", scenes("sea")[0].read_bytes()))
    name = run.id.replace("-", "\\-")
    assert f"The heatmap is that of {name}, the run in the header." in tab.text
    tab.choose("with", "none")
    assert "The heatmap is that of" not in tab.text


def test_what_is_perhaps_none_of_the_scenes_is_said_before_the_class():
    prediction = ImagePrediction(("sea", "forest"), np.array([0.77, 0.23]))
    assert headline(Verdict(UNKNOWN, ("sea",)), prediction) == (
        ":red-badge[:material/block: out-of-distribution?] :gray[closest: sea 77%]"
    )
    assert headline(Verdict(SURE, ("sea",)), ImagePrediction(("sea", "forest"), np.array([0.9996, 0.0004]))).startswith(
        "**sea >99%** "
    )
    assert headline(Verdict(UNSURE, ("sea", "forest")), prediction).startswith("**sea 77%** ")


def test_a_reason_names_three_files_and_counts_the_rest():
    rows = [(f"a/{n}.txt", "not an image") for n in range(5)] + [("b.png", "empty file")]
    assert (
        sentence(rows, 2) == "8 files are not used. 0.txt, 1.txt, 2.txt and 2 more: not an image; b.png: empty file; and 2 more."
    )
