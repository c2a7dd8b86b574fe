"""An audit finds the faults that were planted, once each, and recognises them in the next audit."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image, ImageDraw

from engine import curation
from engine.core.progress import Cancelled
from engine.curation import confident_learning, perceptual_hash, run_audit
from engine.data.datasets import add_dataset, load_dataset
from engine.data.decoding import open_image

TRAIN = "seg_train/seg_train"


@pytest.fixture(scope="module")
def patch():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield patch


def draw_shapes(seed):
    """An image with shapes in it, because noise alone does not survive a crop."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (96, 96), (150, 155, 165))
    for _ in range(40):
        x, y, wide, high = rng.integers(0, 80, 2).tolist() + rng.integers(6, 30, 2).tolist()
        ImageDraw.Draw(picture).ellipse((x, y, x + wide, y + high), tuple(rng.integers(60, 250, 3).tolist()))
    return picture


def plant(images):
    """Add faults of every kind to the images, each under a name of its own."""
    train, test = images / TRAIN, images / "seg_test" / "seg_test"
    shutil.copy(train / "forest" / "000.png", train / "forest" / "copied.png")
    with Image.open(train / "sea" / "001.png") as picture:
        picture.save(test / "sea" / "leaked.png", compress_level=1)  # other bytes, the same pixels
    shutil.copy(train / "sea" / "002.png", train / "forest" / "mislabelled.png")
    shutil.move(train / "forest" / "003.png", train / "sea" / "swapped.png")
    for seed, copy in enumerate([train / "mountain" / "cropped.jpg", test / "mountain" / "resized.png"]):
        picture = draw_shapes(seed)
        picture.save(train / "mountain" / f"drawn{seed}.png")
        changed = picture.crop((3, 1, 92, 95)).resize((120, 120)) if copy.suffix == ".jpg" else picture.resize((60, 60))
        changed.save(copy, quality=60)
    with Image.open(train / "glacier" / "006.png") as picture:
        picture.point(lambda level: level // 12).save(train / "glacier" / "dark.png")
        picture.resize((64, 20)).save(train / "glacier" / "odd.png")
    stripes = Image.new("RGB", (64, 64), "yellow")
    for x in range(0, 64, 8):
        ImageDraw.Draw(stripes).rectangle((x, 0, x + 3, 64), "purple")
    stripes.save(train / "sea" / "stripes.png")


@pytest.fixture(scope="module")
def planted(mapped_session, finished_session, wait, tmp_path_factory, patch):
    """A dataset of scenes with faults, audited in the background; its pictures' embeddings are mostly there."""
    root = tmp_path_factory.mktemp("planted")
    images = shutil.copytree(finished_session.images, root / "scenes")
    plant(images)
    shutil.copytree(mapped_session.home / "cache", root / "home" / "cache")
    patch.setenv("SCENESCOPE_HOME", str(root / "home"))
    add_dataset(str(images), "scenes")
    curation.job("scenes").start()
    assert wait(lambda: (work := curation.job("scenes").status()).state not in ("none", "working") and work).state == "done"
    return root


@pytest.fixture
def data(planted, monkeypatch):
    monkeypatch.setenv("SCENESCOPE_HOME", str(planted / "home"))
    return load_dataset("scenes")


@pytest.fixture
def audit(data):
    return curation.load_audit(data)


def names(audit, kind):
    return [
        {path.rsplit("/", 2)[-2] + "/" + path.rsplit("/", 1)[-1] for path in paths} for paths in audit.findings(kind)["paths"]
    ]


def test_images_with_the_same_pixels_are_found_whatever_their_bytes(audit):
    assert {"forest/000.png", "forest/copied.png"} in names(audit, "exact_duplicate")
    assert {"sea/001.png", "sea/leaked.png"} in names(audit, "exact_duplicate")
    assert len(names(audit, "exact_duplicate")) == 3


def test_a_copy_that_was_cropped_resized_and_compressed_is_found_and_no_other_pair(audit):
    assert sorted(map(sorted, names(audit, "near_duplicate"))) == [
        ["mountain/cropped.jpg", "mountain/drawn0.png"],
        ["mountain/drawn1.png", "mountain/resized.png"],
    ]


def test_a_training_image_in_the_test_set_is_a_leak_and_the_test_image_is_the_one_to_keep(audit):
    leak = next(f for f in audit.findings("leak").itertuples() if any("leaked" in path for path in f.paths))
    assert leak.splits[0] == "test"
    assert leak.paths[0].endswith("leaked.png")
    assert leak.score == 1


def test_copies_under_two_classes_are_a_conflict(audit):
    assert names(audit, "label_conflict") == [{"sea/002.png", "forest/mislabelled.png"}]


def test_a_wrong_label_is_suspected_and_the_right_one_suggested(audit):
    issues = audit.findings("label_issue")
    first = issues[issues["paths"].map(lambda paths: paths[0].endswith("swapped.png"))].iloc[0]
    assert first["suggestion"] == "forest"
    assert first["score"] > 0.5
    assert sum(audit.probabilities(first["images"][0]).values()) == pytest.approx(1, abs=1e-4)


def test_dark_and_odd_sized_pictures_and_one_unlike_its_class_are_found(audit):
    poor = audit.findings("quality")
    assert {(paths[0].rsplit("/", 1)[-1], reason) for paths, reason in zip(poor["paths"], poor["reason"], strict=True)} >= {
        ("dark.png", "dark"), ("odd.png", "odd_size"),
    }  # fmt: skip
    assert {"sea/stripes.png"} in names(audit, "outlier")


def test_the_kinds_are_filtered_by_class_split_and_image(audit):
    assert set(audit.findings()["kind"]) == {kind for kind, count in audit.counts().items() if count} == set(curation.KINDS)
    everything = audit.findings()
    assert len(everything) == len(audit.all_findings)
    in_test = audit.findings(split="test", class_name="mountain")
    assert in_test["splits"].map(lambda splits: "test" in splits).all()
    assert len(in_test) < len(everything)
    one = audit.all_findings[0]
    assert one.id in set(audit.findings(image=one.images[0])["id"])
    assert audit.get(one.id) == one


def test_the_next_audit_recognises_the_same_findings_although_the_catalog_changed_in_between(data, audit, planted):
    assert not audit.is_stale(data)
    new = planted / "scenes" / TRAIN / "forest" / "dark.png"
    with Image.open(planted / "scenes" / TRAIN / "forest" / "007.png") as picture:
        picture.point(lambda level: level // 12).save(new)
    add_dataset(str(planted / "scenes"), "scenes")
    assert audit.is_stale(data)
    again = run_audit.audit_dataset(data)
    assert not again.is_stale(data)
    sure = ("exact_duplicate", "near_duplicate", "leak", "label_conflict", "quality")
    assert {f.id for f in audit.all_findings if f.kind in sure} <= {f.id for f in again.all_findings}
    new = again.findings("quality")["paths"].map(lambda paths: paths[0].endswith("forest/dark.png"))
    assert len(again.findings("quality")) == len(audit.findings("quality")) + new.sum() > len(audit.findings("quality"))


def test_computing_signatures_continues_where_it_was_stopped(home, write_class, tmp_path, monkeypatch):
    monkeypatch.setattr(perceptual_hash, "_CHUNK", 4)
    files = write_class(tmp_path / "sea", "sea", 10)
    contents, reports = [perceptual_hash.content_hash(file.read_bytes()) for file in files], []

    def stop_at_six(progress):
        if progress.done == 6:
            raise Cancelled

    with pytest.raises(Cancelled):
        perceptual_hash.SignatureCache().complete(files, contents, stop_at_six)
    perceptual_hash.SignatureCache().complete(files, contents, lambda progress: reports.append(progress.done))
    assert reports[0] == 4
    assert (
        perceptual_hash.SignatureCache().pixels(contents)[contents[9]]
        == perceptual_hash.compute_signature(open_image(files[9])).pixels
    )


def test_confident_learning_lists_the_flipped_labels_and_leaves_the_most_probable_class_alone():
    rng = np.random.default_rng(2)
    true = rng.integers(0, 4, 800)
    logits = rng.normal(0, 1, (800, 4))
    logits[np.arange(800), true] += 3
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    flipped = rng.random(800) < 0.08
    given = np.where(flipped, (true + rng.integers(1, 4, 800)) % 4, true)
    suspect = confident_learning.find_label_issues(given, probabilities)
    assert suspect[flipped].mean() > 0.9
    assert suspect.sum() < 2 * flipped.sum()
    assert not (suspect & (probabilities.argmax(axis=1) == given)).any()
    scores = confident_learning.label_issue_scores(given, probabilities)
    assert scores[flipped].mean() > 0.8 > 0.4 > scores[~flipped].mean()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("classes", [0, 1, 3])
def test_confident_learning_without_images_or_with_one_class_finds_nothing(classes):
    for images in (0, 4) if classes == 1 else (0,):
        assert not confident_learning.find_label_issues(np.zeros(images, int), np.ones((images, classes))).any()


def test_the_command_line_prints_the_whole_audit(planted, audit, engine):
    document = json.loads(engine("audit", "--dataset", "scenes", "--kept", "--json", home=planted / "home").stdout)
    assert [f["id"] for f in document["findings"]] == [f.id for f in audit.all_findings]
    assert {"kind", "score", "images", "classes", "splits", "detail"} <= set(document["findings"][0])
    text = engine("audit", "--dataset", "scenes", "--kept", home=planted / "home").stdout
    assert "leaked.png" in text


def test_a_finding_names_its_measure(audit):
    """A correlation and a distance, both named; no bare share "alike" and no "as is usual"."""
    near = audit.findings("near_duplicate")
    assert len(near) and near["detail"].str.contains(r"their fine structure correlates at 0\.\d\d \(1: identical\)").all()
    for row in near.itertuples():
        assert f"{min(row.score, 0.99):.2f}" in row.detail
    outliers = audit.findings("outlier")
    assert len(outliers)
    for row in outliers.itertuples():
        assert f"is {1 / (1 - row.score):.1f} times as far away as it is for the median image of the class" in row.detail
        assert "10th most similar image of the class" in row.detail
    assert all(word not in " ".join(one.detail for one in audit.all_findings) for word in ("% alike", "as is usual"))
