"""Five hundred files that try to break the upload: each is read or refused with a sentence, in limited memory."""

import itertools
import json
import os
import re
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import hostile
import pytest

from engine.core.paths import PROJECT
from engine.data import decoding
from engine.data.decoding import ImageError, load_square
from engine.data.uploads import UploadLimits, clean_name, parent_folder, read_images

COUNT = 500
MEMORY = 900  # MB, of a process that holds one file at a time
WITH_TORCH = 900  # MB more: torch, the model, and the request of 32 files


def outcomes(content, name="upload.zip", **limits):
    return [(item.name, item.reason) for item in read_images([(name, content)], UploadLimits(**limits))]


def judged(file):
    """What each picture of the file came to: "" where it was read."""
    for item in read_images([(file.name, file.content)]):
        reason = item.reason
        if not reason:
            try:
                assert load_square(item.content, 32).shape == (32, 32, 3)
            except ImageError as error:
                reason = str(error)
        yield reason


def peak():
    """MB that this process held at most. On Linux `getrusage` counts the process that started this one as well."""
    if sys.platform == "linux":
        return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def survey():
    """For the child process: what came of every file, and how much memory it took at most."""
    wrong, kinds, sentences = [], Counter(), set()
    for file in hostile.files(count=COUNT):
        reasons = list(judged(file))
        kinds[file.kind] += 1
        sentences.update(reasons)
        read = "" in reasons
        if file.verdict != "either" and read != (file.verdict == "read"):
            wrong.append([file.name, file.verdict, reasons[:2]])
    sys.stdout.write(json.dumps({"wrong": wrong, "kinds": kinds, "sentences": sorted(sentences), "peak": peak()}))


def survey_api(run_id):
    """For the child process: what the interface says to every file that is no archive, many in a request."""
    from starlette.applications import Starlette
    from starlette.testclient import TestClient
    from streamlit import config

    from dashboard.http.api.routes import ROUTES

    config.set_option("server.address", "127.0.0.1")  # as the project's own settings have it, which are not at this place
    client = TestClient(Starlette(routes=ROUTES), base_url="http://localhost", client=("127.0.0.1", 1))
    files = (file for file in hostile.files(count=COUNT) if not file.name.endswith(".zip"))
    statuses, wrong, sentences = Counter(), [], set()
    while batch := list(itertools.islice(files, 32)):
        parts = [("images", (f"{place}.jpg", file.content)) for place, file in enumerate(batch)]
        answer = client.post("/api/predict", data={"run": run_id}, files=parts)
        assert answer.status_code in (200, 422), answer.text
        statuses[answer.status_code] += len(batch)
        for file, one in zip(batch, answer.json()["predictions"], strict=True):
            sentences.add(one.get("error", ""))
            if file.verdict != "either" and ("top" in one) != (file.verdict == "read"):
                wrong.append([file.name, file.verdict, one])
    sys.stdout.write(json.dumps({"wrong": wrong, "kinds": statuses, "sentences": sorted(sentences), "peak": peak()}))


def child(call, place, **environment):
    """What a call of this module says in a process of its own, which has nowhere but `place` to write to."""
    paths = os.pathsep.join([str(PROJECT), str(PROJECT / "tests" / "support"), str(Path(__file__).parent)])
    settings = {**os.environ, "PYTHONPATH": paths, "TMPDIR": str(place), "SCENESCOPE_HOME": str(place), **environment}
    script = f"import test_hostile_uploads; test_hostile_uploads.{call}"
    done = subprocess.run([sys.executable, "-c", script], cwd=place, env=settings, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["wrong"] == []
    assert all(len(reason) < 200 and "\n" not in reason and "Traceback" not in reason for reason in result["sentences"])
    return result


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "a" / "b" / "c"
    folder.mkdir(parents=True)
    yield folder
    assert [str(path) for path in tmp_path.rglob("*") if path.is_file()] == []


def test_five_hundred_hostile_files_are_read_or_refused_in_bounded_memory_and_write_nothing(place):
    result = child("survey()", place)
    assert sum(result["kinds"].values()) == COUNT
    assert result["peak"] < MEMORY


def test_the_interface_answers_every_hostile_file_in_bounded_memory_and_writes_nothing(place, finished):
    before = sorted(path for path in finished.home.rglob("*") if path.is_file())
    result = child(
        f"survey_api({finished.run_id!r})", place, SCENESCOPE_HOME=str(finished.home), STREAMLIT_SERVER_ADDRESS="127.0.0.1"
    )
    assert set(result["kinds"]) <= {"200", "422"}
    assert sum(result["kinds"].values()) > 400
    assert result["peak"] < MEMORY + WITH_TORCH
    assert sorted(path for path in finished.home.rglob("*") if path.is_file()) == before


def test_the_same_seed_gives_the_same_files_and_another_seed_others():
    first, again, other = (list(itertools.islice(hostile.files(seed), 60)) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_folders_of_an_archive_are_kept_as_class_names_and_what_systems_add_is_passed_over():
    content = hostile.archive(
        ("scenes/forest/a.jpg", b"1"), ("scenes/", b""), ("__MACOSX/scenes/forest/._a.jpg", b"x"), ("scenes/.DS_Store", b"x"),
        ("scenes\\sea\\b.jpg", b"2"), ("c.png", b"3"), ("read me.txt", b"x"),
    )  # fmt: skip
    items = list(read_images([("scenes.zip", content)]))
    assert [(item.name, item.class_name, item.content) for item in items if not item.reason] == [
        ("scenes/forest/a.jpg", "forest", b"1"), ("scenes/sea/b.jpg", "sea", b"2"), ("c.png", "", b"3"),
    ]  # fmt: skip
    assert [(item.name, item.reason) for item in items if item.reason] == [("read me.txt", "not an image by its name")]


def test_a_folder_that_was_uploaded_keeps_its_paths_and_a_path_that_leads_out_is_no_place():
    items = list(read_images([("holiday/sea/a.jpg", b"1"), ("../../etc/b.jpg", b"2"), ("b.tar.gz", b"\x1f\x8b")]))
    assert [(item.name, item.class_name) for item in items[:2]] == [("holiday/sea/a.jpg", "sea"), ("../../etc/b.jpg", "etc")]
    assert items[2].reason == "an archive of a kind that is not read: unpack it, or pack it as a .zip"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a/./b//c.jpg", "a/b/c.jpg"), ("a\\b.jpg", "a/b.jpg"), ("../a.jpg", None), ("/a.jpg", None), ("C:a.jpg", None),
     ("a/..\\../b.jpg", None), ("cafe\u0301.jpg", "caf\u00e9.jpg"), ("a\u202egpj.exe", "a\ufffdgpj.exe"), ("a\nb.jpg", "a\ufffdb.jpg")],
)  # fmt: skip
def test_a_name_in_an_archive_is_a_name_and_no_place(name, expected):
    assert clean_name(name) == expected


def test_names_of_other_systems_are_read_as_they_were_meant():
    member = zipfile.ZipInfo("gl\u00e9tscher/a.jpg".encode().decode("cp437"))
    content = hostile.archive((member, b"1"))
    content = content.replace(member.filename.encode(), "gl\u00e9tscher/a.jpg".encode())
    assert parent_folder("x/gl\u00e9tscher/a.jpg") == "gl\u00e9tscher"
    assert [name.rpartition("/")[2] for name, _ in outcomes(content)] in (["a.jpg"], ["upload.zip"])


def test_each_limit_is_named_where_it_is_met_and_what_came_before_is_kept():
    three = hostile.archive(*((f"{i}.jpg", bytes(1000)) for i in range(3)))
    assert outcomes(three, images=2)[-1] == ("2.jpg", "the limit of 2 images at once is reached: the rest is left out")
    assert [reason for _, reason in outcomes(three, images=2)[:2]] == ["", ""]
    assert outcomes(three, members=2) == [("upload.zip", "too many files in the archive: the limit is 2")]
    assert outcomes(three, small=2500, growth=0)[-1] == (
        "upload.zip", "it unpacks to far more than its own size: the rest of it is left out",
    )  # fmt: skip
    assert [reason for _, reason in outcomes(three, image_bytes=999)] == [
        f"too large: 0.0 MB, the limit is {999 / 2**20:g} MB per image"
    ] * 3


def test_a_file_that_is_too_large_gets_one_sentence_wherever_it_comes_from(tmp_path, monkeypatch):
    sentence = "too large: 26.0 MB, the limit is 25 MB per image"
    large = bytes(26 << 20)
    assert outcomes(large, "wide.jpg") == [("wide.jpg", sentence)]
    assert outcomes(hostile.archive(("sea/wide.jpg", large), ("a.bin", os.urandom(2 << 20)))) == [
        ("sea/wide.jpg", sentence), ("a.bin", "not an image by its name"),
    ]  # fmt: skip
    (tmp_path / "wide.jpg").write_bytes(large)
    monkeypatch.setattr(decoding, "MAX_BYTES", 25 << 20)
    with pytest.raises(ImageError, match=f"^{sentence}$"):
        load_square(tmp_path / "wide.jpg", 32)


def zipped_as(name, content):
    """A zip with one member whose name is these bytes, without the flag for UTF-8."""
    stand_in = "~" * len(name)
    return hostile.archive((zipfile.ZipInfo(stand_in), content)).replace(stand_in.encode(), name)


@pytest.mark.parametrize(
    ("path", "encoding"),
    [("\u6d77/\u5199\u771f1.jpg", "cp932"), ("\u6d77/\u30ab\u30e1\u30e9 2.jpg", "cp932"), ("gl\u00e9tscher/a.jpg", "utf-8"),
     ("\u6d77/a.jpg", "utf-8"), ("Gr\u00f6\u00dfe/M\u00fcller.jpg", "cp437"), ("for\u00eat/b.jpg", "cp437"), ("ch\u00e2teau/\u00e2ge.jpg", "cp437"),
     ("sea/c.jpg", "ascii")],
)  # fmt: skip
def test_names_in_an_archive_are_read_in_the_writing_of_their_system(path, encoding):
    [item] = read_images([("upload.zip", zipped_as(path.encode(encoding), b"1"))])
    assert (item.name, item.reason) == (path, "")


def test_a_compression_that_is_not_read_is_one_sentence_and_the_others_are_read():
    content = bytearray(hostile.archive(*((f"sea/{i}.jpg", b"1") for i in range(3))))
    for mark, place in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        at = content.find(mark)
        for _ in range(2):
            content[at + place : at + place + 2] = b"\x09\0"
            at = content.find(mark, at + 4)
    assert outcomes(bytes(content)) == [
        ("upload.zip", "2 files are compressed with Deflate64, which is not read: pack the archive again with the usual Deflate"),
        ("sea/2.jpg", ""),
    ]


def test_files_without_an_extension_are_told_by_their_first_bytes():
    picture = b"\xff\xd8\xff\xe0" + bytes(20)
    assert outcomes(hostile.archive(("sea/1", picture), ("LICENSE", b"words"))) == [("sea/1", ""), ("LICENSE", "not an image")]
    assert outcomes(picture, "pasted") == [("pasted", "")]
    assert outcomes(b"words", "notes.txt") == [("notes.txt", "not an image")]
    assert outcomes(b"", "nothing") == [("nothing", "empty file")]
