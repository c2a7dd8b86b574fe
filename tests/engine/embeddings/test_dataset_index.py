"""A dataset's map: made once, in the background or by the command line, and honest about a catalog that has changed since."""

import json

import numpy as np
import pytest

from engine.data.columns import find_unchanged
from engine.data.datasets import add_dataset, load_dataset
from engine.data.filters import Filter
from engine.embeddings import dataset_index, projection
from engine.embeddings.neighbours import find_neighbours


@pytest.fixture
def data(mapped):
    return load_dataset("scenes")


def test_the_map_holds_every_image_and_keeps_kinds_together(data, mapped):
    drawn, columns = dataset_index.load_map(data), data.catalog.columns()
    result = json.loads(mapped.process.stdout)
    assert result["drawn"] == result["images"] == len(drawn) == len(data.catalog.view()) == 83
    label = columns.label[np.searchsorted(columns.ids, drawn.ids)]
    apart = np.isin(label, columns.class_codes(["forest", "sea"]))  # the two others overlap on purpose
    assert (label[drawn.near[:, 0]] == label)[apart].mean() > 0.9
    assert (projection.majority_label(label, drawn.near) == label)[apart].mean() > 0.9
    across = np.linalg.norm(drawn.xy[:, None] - drawn.xy, axis=2) + 1e9 * (np.eye(len(drawn)) + (label < 0))
    assert (label[across.argmin(axis=1)] == label)[apart].mean() > 0.9
    points = (mapped.home / "points.csv").read_text().splitlines()
    assert points[0] == "id,path,class,split,x,y"
    assert len(points) == 84


def test_nothing_is_computed_twice(data):
    phases = set()
    again = dataset_index.build_map(data, lambda progress: phases.add(progress.phase))
    assert phases == {"loading the model"}
    assert again.version == dataset_index.load_map(data).version


def test_the_command_line_and_the_engine_answer_with_the_same_neighbours(data, mapped, engine):
    image = data.catalog.view(Filter(classes=("sea",))).ids()[0]
    process = engine("similar", "scenes", image, "--top", "5", "--split", "train", "--json", home=mapped.home)
    document = json.loads(process.stdout)
    train = data.catalog.view(Filter(splits=("train",))).ids()
    result = find_neighbours(dataset_index.load_index(data), int(image), 5, train)
    assert [near["id"] for near in document["similar"]] == result["id"].tolist()
    assert {near["split"] for near in document["similar"]} == {"train"}
    assert [near["class"] for near in document["similar"]].count("sea") >= 4
    named = engine("similar", "scenes", document["path"], "--top", "5", "--split", "train", "--json", home=mapped.home)
    assert named.stdout == process.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("similar", "scenes", "nowhere.png"), "There is no image 'nowhere.png' in scenes."),
        (("similar", "scenes", "9" * 30), "There is no image"),
        (("similar", "scenes", "1", "--top", "0"), "--top is 0."),
        (("map", "nothing"), "There is no dataset 'nothing'."),
    ],
)
def test_a_mistake_is_one_sentence(mapped, engine, arguments, sentence):
    result = engine(*arguments, home=mapped.home)
    assert result.returncode == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr


def test_a_dataset_without_embeddings_says_how_to_get_them(kaggle, home, engine):
    add_dataset(str(kaggle))
    result = engine("similar", "scenes", "1", home=home)
    assert result.returncode == 2
    assert "python -m engine map scenes" in result.stderr


def test_a_background_process_draws_the_map_and_says_how_far_it_is(write_class, tmp_path, home, wait):
    for kind in ("forest", "sea"):
        write_class(tmp_path / "few" / kind, kind, 6)
    data, _ = add_dataset(str(tmp_path / "few"))
    dataset_index.job(data.name).start()
    assert dataset_index.job(data.name).status().state == "working"
    wait(lambda: dataset_index.job(data.name).status().state != "working")
    assert dataset_index.job(data.name).status().state == "done", dataset_index.job(data.name).status().message
    drawn = dataset_index.load_map(data)
    assert len(drawn) == 12

    # The catalog changes: one image is rewritten, one comes, one goes.
    write_class(tmp_path / "few" / "sea", "forest", 1, first=3)
    write_class(tmp_path / "few" / "sea", "sea", 1, first=50)
    (tmp_path / "few" / "forest" / "000.png").unlink()
    add_dataset(str(tmp_path / "few"))
    assert dataset_index.count_new_images(data, dataset_index.load_index(data)) == 2
    columns = data.catalog.columns()
    assert (find_unchanged(drawn.ids, drawn.marks, columns.ids, columns.marks) >= 0).sum() == 11
    again = dataset_index.build_map(data)
    assert dataset_index.count_new_images(data, dataset_index.load_index(data)) == 0
    assert len(again) == 12
    assert again.version != drawn.version


def test_a_job_that_is_stopped_says_so_and_a_failed_one_why(write_class, tmp_path, home):
    for kind in ("forest", "sea"):
        write_class(tmp_path / "tiny" / kind, kind, 3)
    data, _ = add_dataset(str(tmp_path / "tiny"))
    dataset_index.job(data.name).stop()
    job = dataset_index.job(data.name)
    assert job.run(lambda report: dataset_index.build_map(data, report)) == 0
    assert dataset_index.job(data.name).status().state == "stopped"
    (dataset_index.index_folder(data) / "stop").unlink()
    assert job.run(lambda report: dataset_index.build_map(data, report)) == 2
    assert dataset_index.job(data.name).status().message == "A map needs at least 10 images; there are 6."
