"""`predict`, `explain` and `evaluate --data` on files as people have them: long names, no extensions, other spellings, no splits."""

import csv
import io
import json
import os
import zipfile
from pathlib import Path

import pytest

from engine.core.text_output import from_csv_cell


def parse_json(done):
    """The one JSON document that a command prints."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def ask(engine, finished_session):
    """ask(command, *arguments): the command on the session's run."""

    def call(command, *arguments):
        return engine(command, finished_session.run_id, *arguments, home=finished_session.home)

    return call


def test_names_of_250_bytes_get_answers_and_overlays_under_shorter_names(ask, paint, tmp_path):
    folder = tmp_path / "long"
    folder.mkdir()
    for number, stem in enumerate(("x" * 246, "\N{CJK UNIFIED IDEOGRAPH-6D77}" * 80)):
        paint("sea", 9000 + number).save(folder / f"{stem}.jpg")
    predicted = parse_json(ask("predict", folder, "--cam", tmp_path / "cam", "--json"))["predictions"]
    explained = parse_json(ask("explain", folder, "--out", tmp_path / "maps", "--json"))["images"]
    overlays = [item["cam"] for item in predicted] + [file for item in explained for file in item["files"].values()]
    assert (len(predicted), len(explained), len(set(overlays))) == (2, 2, 6)
    assert all(Path(file).is_file() and len(os.fsencode(Path(file).name)) <= 255 for file in overlays)


def test_pictures_without_an_extension_are_answered_and_scored_and_what_is_no_picture_is_named(ask, paint, tmp_path):
    for kind in ("forest", "sea"):
        (tmp_path / "bare" / kind).mkdir(parents=True)
        for number in range(3):
            paint(kind, 9100 + number).save(tmp_path / "bare" / kind / f"{number}", format="JPEG")
    paint("sea", 9200).save(tmp_path / "bare" / "sea" / "3.jpg")
    (tmp_path / "bare" / "sea" / "notes").write_text("words")
    (tmp_path / "bare" / "sea" / ".DS_Store").write_text("words")
    predicted = parse_json(ask("predict", tmp_path / "bare", "--json"))
    scored = parse_json(ask("evaluate", "--data", tmp_path / "bare", "--json"))
    assert (len(predicted["predictions"]), predicted["scores"]["n"], scored["n"]) == (7, 7, 7)
    for document in (predicted, scored):
        assert {group["kind"]: group["files"] for group in document["unused"]["groups"]} == {"format": 1, "system": 1}
    shown = ask("evaluate", "--data", tmp_path / "bare").stdout
    assert "2 files are not used:" in shown and "sea/notes: not an image" in shown


def test_the_same_file_twice_counts_twice_and_that_is_said(ask, paint, tmp_path):
    for kind in ("forest", "sea"):
        (tmp_path / "twice" / kind).mkdir(parents=True)
        for number in range(2):
            paint(kind, 9300 + number).save(tmp_path / "twice" / kind / f"{number}.png")
    (tmp_path / "twice" / "sea" / "again.png").write_bytes((tmp_path / "twice" / "sea" / "0.png").read_bytes())
    document = parse_json(ask("evaluate", "--data", tmp_path / "twice", "--json"))
    assert (document["n"], document["copies"]) == (5, 1)
    sentence = "1 image is a copy of another here: each copy counts in the scores"
    assert sentence in ask("evaluate", "--data", tmp_path / "twice").stdout
    (tmp_path / "twice" / "sea" / "again.png").unlink()
    assert sentence not in ask("evaluate", "--data", tmp_path / "twice").stdout


def test_validation_and_test_without_train_are_scored_on_test(ask, write_class, tmp_path):
    for kind in ("forest", "sea"):
        write_class(tmp_path / "set" / "val" / kind, kind, 2, first=9300)
        write_class(tmp_path / "set" / "test" / kind, kind, 3, first=9310)
    assert parse_json(ask("evaluate", "--data", tmp_path / "set", "--json"))["n"] == 6
    assert "Only the 6 test images of 10 are scored." in ask("evaluate", "--data", tmp_path / "set").stdout


def test_a_folder_in_another_spelling_is_hinted_at(ask, write_class, tmp_path):
    write_class(tmp_path / "loud" / "FOREST", "forest", 2, first=9400)
    done = ask("evaluate", "--data", tmp_path / "loud")
    assert done.returncode == 2
    assert "'FOREST' may be the class 'forest': give the folder the same name." in done.stderr
    write_class(tmp_path / "loud" / "sea", "sea", 2, first=9410)
    done = ask("evaluate", "--data", tmp_path / "loud")
    assert "'FOREST' may be the class 'forest': give the folder the same name." in done.stdout


def test_a_name_is_one_line_and_no_formula_and_reads_back_from_the_table(ask, paint, tmp_path):
    folder, names = tmp_path / "odd", ['=HYPERLINK("http:a","b").jpg', "line\nbreak.jpg", '-,"q".jpg']
    folder.mkdir()
    for number, name in enumerate(names):
        paint("sea", 9500 + number).save(folder / name)
    done = ask("predict", folder, "--out", tmp_path / "table.csv")
    answers = [line for line in done.stdout.splitlines() if line.startswith(str(folder)) and line.count("%") == 3]
    assert (done.returncode, len(answers)) == (0, 3)
    rows = list(csv.reader(io.StringIO((tmp_path / "table.csv").read_text(), newline="")))
    assert not [cell for row in rows for cell in row if cell[:1] in ("=", "+", "-", "@")]
    assert {Path(from_csv_cell(row[0])).name for row in rows[1:]} == set(names)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("https://example.com/a.jpg", "'https://example.com/a.jpg' is an address on the network, not a file."),
        ("nowhere.jpg", "There is no file 'nowhere.jpg'."),
    ],
)
def test_what_is_no_file_gets_a_sentence(ask, name, sentence):
    done = ask("predict", name)
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, sentence)


def test_an_archive_says_unpack_it_and_the_others_are_answered(ask, paint, tmp_path):
    paint("sea", 9600).save(tmp_path / "a.jpg")
    (tmp_path / "b.zip").write_bytes(b"PK\x03\x04 and more")
    (tmp_path / "c.dcm").write_bytes(bytes(128) + b"DICM")
    (tmp_path / "d.tar.gz").write_bytes(b"\x1f\x8b and more")
    done = ask("predict", *(tmp_path / name for name in ("a.jpg", "b.zip", "c.dcm", "d.tar.gz")), "--json")
    result = json.loads(done.stdout)["predictions"]
    assert done.returncode == 2
    assert [item.get("error") for item in result] == [
        None, "damaged archive: it cannot be opened", "DICOM is not read",
        "an archive, not an image: unpack it, and name the folder",
    ]  # fmt: skip


def test_a_zip_is_answered_as_the_page_does_and_what_of_it_is_not_taken_is_named(ask, paint, tmp_path):
    file = tmp_path / "photos.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for kind in ("forest", "sea"):
            for number in range(2):
                stream = io.BytesIO()
                paint(kind, 9300 + number).save(stream, "PNG")
                archive.writestr(f"{kind}/{number}.png", stream.getvalue())
                (tmp_path / f"{kind}-{number}.png").write_bytes(stream.getvalue())
        archive.writestr("sea/notes.txt", "words")
    done = ask("predict", tmp_path / "sea-0.png", file, "--cam", tmp_path / "cam", "--json")
    assert done.returncode == 2, "one of the files has no answer"
    document = json.loads(done.stdout)
    by_path = {Path(item["path"]).relative_to(tmp_path).as_posix(): item for item in document["predictions"]}
    assert list(by_path) == [
        "sea-0.png",
        *(f"photos.zip/{kind}/{n}.png" for kind in ("forest", "sea") for n in range(2)),
        "photos.zip/sea/notes.txt",
    ]
    assert by_path["photos.zip/sea/notes.txt"]["error"] == "not an image by its name"
    assert by_path["photos.zip/sea/0.png"]["top"] == by_path["sea-0.png"]["top"]
    assert document["scores"]["n"] == 4
    assert len(list((tmp_path / "cam").iterdir())) == 5
