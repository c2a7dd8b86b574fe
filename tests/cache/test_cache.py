"""What the cache of the dashboard promises: nothing stale, nothing twice, no more memory than its limit."""

import gc
import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from label_edits import relabel
from scored import scored_run
from streamlit.testing.v1 import AppTest

from dashboard import cache
from dashboard.app.background import start_thread, stop_threads
from dashboard.cache import cached as module
from dashboard.cache.cached import cached, start_background
from engine.core.file_cache import read_cached
from engine.core.memory_cache import MemoryCache, size_of
from engine.core.progress import Cancelled, Progress
from engine.data.datasets import add_dataset
from engine.data.filters import Filter
from engine.data.predictions import ImagePrediction, write_predictions
from engine.data.uploads import UploadItem
from engine.inference.batch import predictions
from engine.inference.batch.store import create_batch, create_folder_batch
from engine.runs.run import Run


@pytest.fixture(autouse=True)
def _empty() -> None:
    cache.clear()


@pytest.fixture
def run(home) -> Run:
    return settled(scored_run("first", 1.0, range(30)))


@pytest.fixture
def data(home, kaggle):
    return add_dataset(str(kaggle), "scenes")[0]


def settled(run: Run) -> Run:
    """The run, once its files are old enough to be cached."""
    time.sleep(0.12)
    return run


def accuracy(run: Run) -> float:
    return cache.scores(run, "validation")["accuracy"]["value"]


def replace(run: Run, other: Run) -> None:
    """Another run takes the place of this one."""
    shutil.rmtree(run.path)
    other.path.rename(run.path)


def counts(data) -> dict[str, int]:
    totals = cache.count_classes(data, Filter()).totals
    return dict(zip(totals["class"], totals["matching"].astype(int), strict=True))


def count(**words):
    """A cached function of a run, and the list of what it was computed for."""
    calls = []

    @cached(**words)
    def function(run: Run, split: str = "validation") -> int:
        calls.append((run.id, split))
        return len(calls)

    return function, calls


def test_a_result_is_computed_once_while_its_files_stay_the_same(run):
    function, calls = count(files=("predictions-{split}.parquet",), checkpoint=True)
    assert [function(run), function(Run(run.id, run.path), split="validation")] == [1, 1]
    assert function(run, "test") == 2
    assert calls == [("first", "validation"), ("first", "test")]


def test_a_rewritten_prediction_table_is_read_again(run):
    assert accuracy(run) == 0.9
    scored_run("second", 2.0, range(60)).predictions("validation")
    (run.path.parent / "second" / "predictions-validation.parquet").replace(run.path / "predictions-validation.parquet")
    assert accuracy(run) == 0.8


def test_a_file_rewritten_in_the_same_tick_of_the_clock_is_read_again(run):
    """Same date, size and inode: only its youth shows that the file may be another."""
    file = run.path / "results.json"

    @cached(files=("results.json",))
    def read(run: Run) -> str:
        return (run.path / "results.json").read_text()

    file.write_text("old")
    status = file.stat()
    assert read(run) == "old"
    file.write_text("new")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert read(run) == "new"


def test_a_copy_with_the_date_of_the_file_that_it_replaces_is_read_again(run):
    file = run.path / "results.json"
    file.write_text("old")
    status = file.stat()
    settled(run)

    def text(file):
        return file.read_text()

    assert read_cached(run.path, "results.json", text) == "old"
    file.write_text("new")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    settled(run)
    assert read_cached(run.path, "results.json", text) == "new"


def test_another_run_under_the_same_id_is_another_run(run):
    function, calls = count()
    assert function(run) == 1
    replace(run, scored_run("second", 2.0, range(60)))
    settled(run)
    assert function(run) == 2, "it declares no file, but the run is another"
    assert accuracy(run) == 0.8


def test_a_new_checkpoint_is_another_model(run):
    from engine.core.files import write_json

    function, calls = count(checkpoint=True)
    function(run)
    for number in (1, 2):
        folder = run.path / "checkpoints" / f"best-{number:06d}"
        folder.mkdir(parents=True)
        write_json(folder / "manifest.json", {"files": {"model.safetensors": {"sha256": str(number)}}})
        settled(run)
        function(run)
        function(run)
    assert len(calls) == 3


def test_two_homes_in_one_server_never_mix(tmp_path, monkeypatch):
    for home, wrong in (("a", 30), ("b", 60)):
        monkeypatch.setenv("SCENESCOPE_HOME", str(tmp_path / home))
        run = settled(scored_run("first", 1.0, range(wrong)))
        assert accuracy(run) == 1 - wrong / 300
    monkeypatch.setenv("SCENESCOPE_HOME", str(tmp_path / "a"))

    @cached()
    def where(text: str) -> str:
        return os.environ["SCENESCOPE_HOME"]

    first = where("")
    monkeypatch.setenv("SCENESCOPE_HOME", str(tmp_path / "b"))
    assert first != where("")


def test_a_changed_catalog_is_counted_again(data, kaggle, write_class):
    before = counts(data)
    assert cache.classes(data) == tuple(before)
    write_class(kaggle / "seg_train" / "seg_train" / "lake", "sea", 20, first=60)
    add_dataset(str(kaggle), "scenes")
    assert "lake" in cache.classes(data)
    assert counts(data) == before | {"lake": 20}


def test_a_label_edit_is_counted_at_once(data):
    before = counts(data)
    ids = data.catalog.view(Filter(splits=("train",), classes=("forest",))).ids()[:5]
    relabel(data, ids.tolist(), "sea")
    assert counts(data) == before | {"forest": before["forest"] - 5, "sea": before["sea"] + 5}


def test_a_filter_by_predictions_follows_the_prediction_table(data):
    @cached()
    def matches(data, conditions: Filter) -> int:
        return data.catalog.count(conditions)

    ids = data.catalog.view().ids()
    rows = data.catalog.rows(ids)
    run = scored_run("first", 1.0, range(0))
    wanted = Filter(run="first", predicted=("forest",))
    assert matches(data, wanted) == 0, "its table is of other images"
    table = run.predictions("validation").table.iloc[: len(ids)].reset_index(drop=True)
    table["image_id"], table["content"] = ids, [rows[image].hash for image in ids]
    write_predictions(run.path, "validation", table, run.classes)
    assert matches(data, wanted) == sum(table["predicted"] == 0) > 0


def test_a_selection_that_is_saved_later_is_not_empty_for_ever(data):
    @cached()
    def matches(data, conditions: Filter) -> int:
        return data.catalog.count(conditions)

    ids = data.catalog.view().ids()[:7]
    key = data.catalog.select(ids)
    (data.catalog.file.parent / "selections" / f"{key}.npy").unlink()
    wanted = Filter(selection=key)
    assert (data.catalog.count(wanted), matches(data, wanted)) == (0, 0)
    assert data.catalog.select(ids) == key
    assert (data.catalog.count(wanted), matches(data, wanted)) == (7, 7)


def test_a_selection_whose_file_is_damaged_can_be_saved_again(data):
    ids = data.catalog.view().ids()[:7]
    key = data.catalog.select(ids)
    (data.catalog.file.parent / "selections" / f"{key}.npy").write_bytes(b"torn")
    assert data.catalog.count(Filter(selection=key)) == 0
    data.catalog.select(ids)
    assert data.catalog.count(Filter(selection=key)) == 7


def test_a_file_that_changes_during_the_computation_is_read_again(run):
    versions = []

    @cached(files=("results.json",))
    def read(run: Run) -> str:
        text = (run.path / "results.json").read_text()
        if not versions:  # the training writes, just after the file was read
            (run.path / "results.json").write_text("new")
        versions.append(text)
        return text

    (run.path / "results.json").write_text("old")
    settled(run)
    assert read(run) == "old"
    settled(run)
    assert [read(run), read(run)] == ["new", "new"]
    assert versions == ["old", "new"]


def test_an_error_is_not_cached(run):
    calls = []

    @cached()
    def fail(run: Run) -> int:
        calls.append(run)
        if len(calls) == 1:
            raise ValueError("no")
        return len(calls)

    with pytest.raises(ValueError, match="no"):
        fail(run)
    assert [fail(run), fail(run)] == [2, 2]


def test_a_reader_may_change_its_copy_and_shares_what_is_declared_shared():
    @cached()
    def copied(name: str) -> pd.DataFrame:
        return pd.DataFrame({"a": [1, 2]})

    @cached(shared=True)
    def shared(name: str) -> list:
        return [name]

    table = copied("x")
    table["a"] = 0
    assert copied("x")["a"].tolist() == [1, 2]
    assert shared("x") is shared("x")


def test_arguments_of_the_same_content_are_the_same_and_of_other_content_others():
    calls = []

    @cached()
    def total(array: np.ndarray, content: bytes, _ignored: object = None) -> float:
        calls.append(array)
        return float(array.sum())

    zeros = np.zeros((2, 3), np.float32)
    for array in (zeros, zeros.copy(), np.asfortranarray(zeros)):
        total(array, b"a", object())
    assert len(calls) == 1
    for array in (zeros.reshape(3, 2), zeros.astype(np.int32), zeros + 1, zeros[:0]):
        total(array, b"a")
    total(zeros, b"b")
    assert len(calls) == 6


def test_equal_calls_at_once_compute_once():
    calls, together = [], threading.Barrier(8)

    @cached()
    def slow(name: str) -> int:
        calls.append(name)
        time.sleep(0.2)
        return len(calls)

    def ask(_):
        together.wait()
        return slow("x")

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {1}
    assert calls == ["x"]


class Click(BaseException):
    """As Streamlit ends a script."""


@pytest.mark.parametrize("end", [Click, Cancelled])
def test_a_click_that_ends_one_session_s_computation_does_not_end_another_s(end):
    begun, clicked, calls = threading.Event(), threading.Event(), []

    @cached(shared=True)
    def search(name: str, _report=lambda progress: None) -> str:
        calls.append(name)
        begun.set()
        for done in range(3):
            _report(Progress("searching", done, 3))
        return "found"

    def report_until_click(progress):
        clicked.wait(10)
        raise end

    seen = []

    def watch(progress):
        seen.append(progress.done)
        clicked.set()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(search, "x", report_until_click)
        begun.wait(10)
        second = pool.submit(search, "x", watch)
        assert isinstance(first.exception(10), end)
        assert second.result(10) == "found"
    assert seen[0] == 0, "while the first computed, the second showed its progress"
    assert calls == ["x", "x"]
    assert search.has("x")


def test_a_click_ends_the_waiting_for_another_session():
    begun, end = threading.Event(), threading.Event()

    @cached(shared=True)
    def search(name: str, _report=lambda progress: None) -> str:
        _report(Progress("searching", 0, 3))
        begun.set()
        end.wait(10)
        return "found"

    def click(progress):
        raise Click

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(search, "x", lambda progress: None)
        begun.wait(10)
        with pytest.raises(Click):
            search("x", click)
        assert not first.done()
        end.set()
        assert first.result(10) == "found"


def test_what_a_background_thread_computes_after_a_clear_is_not_stored():
    """A fixture, or a person who restores a damaged file, clears the cache: a thread that was on its way must not fill it again."""
    begun, go, calls = threading.Event(), threading.Event(), []

    @cached()
    def load(name: str) -> str:
        calls.append(name)
        return name

    def work(stopping: threading.Event) -> None:
        begun.set()
        go.wait(10)
        load("x")

    thread = start_background("test", work)
    begun.wait(10)
    cache.clear()
    go.set()
    thread.join(10)
    assert calls == ["x"]
    assert not load.has("x")
    load("x")
    assert load.has("x"), "the others' results are stored"


def test_a_thread_of_a_background_thread_is_as_old_as_its_parent():
    begun, go = threading.Event(), threading.Event()

    @cached()
    def load(name: str) -> str:
        return name

    def work(stopping: threading.Event) -> None:
        begun.set()
        go.wait(10)
        start_background("child", lambda stopping: load("x")).join(10)

    thread = start_background("test", work)
    begun.wait(10)
    cache.clear()
    go.set()
    thread.join(10)
    assert not load.has("x")


def test_a_computation_that_a_clear_overtakes_is_neither_stored_nor_shared():
    begun, go, calls = threading.Event(), threading.Event(), []

    @cached()
    def load(name: str) -> int:
        calls.append(name)
        number = len(calls)
        if number == 1:
            begun.set()
            go.wait(10)
        return number

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(load, "x")
        begun.wait(10)
        cache.clear()
        assert load("x") == 2
        go.set()
        assert first.result(10) == 1
    assert load("x") == 2


def test_the_server_ends_its_threads_when_it_stops():
    ended = []

    def work(stopping: threading.Event) -> None:
        stopping.wait(60)
        ended.append(stopping.is_set())

    threads = [start_thread(f"test-{number}", work) for number in range(2)]
    assert stop_threads()
    assert ended == [True, True]
    assert not any(thread.is_alive() for thread in threads)


def test_new_predictions_of_a_batch_are_read(run):
    batch = create_batch("two", [UploadItem("a.png", b"1"), UploadItem("b.png", b"2")])
    prediction = ImagePrediction(run.classes, np.full(3, 1 / 3, np.float32))
    assert len(cache.batch_predictions(batch, run)) == 0
    for number in (0, 1):
        predictions._write(batch, run, {number: prediction})
        settled(run)
        assert cache.batch_predictions(batch, run).numbers == {*range(number + 1)}


def test_an_image_of_a_person_s_folder_that_was_rewritten_is_another(run, tmp_path, paint):
    """A batch does not change, but the folder that it lists may."""
    (tmp_path / "photos").mkdir()
    file = tmp_path / "photos" / "a.png"
    paint("sea", 1).save(file)
    batch = create_folder_batch(tmp_path / "photos")
    settled(run)
    before = cache.batch_heatmap._stamp({"run": run, "batch": batch, "number": 0})
    assert before == cache.batch_heatmap._stamp({"run": run, "batch": batch, "number": 0})
    paint("forest", 1).save(file)
    assert before != cache.batch_heatmap._stamp({"run": run, "batch": batch, "number": 0})


def page_that_computes() -> None:
    import time

    import streamlit as st
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    from dashboard.cache.cached import cached

    context, sent = get_script_run_ctx(), []
    send = context._enqueue
    context._enqueue = lambda message: (sent.append(str(message)), send(message))

    @cached(spinner="Loading the model")
    def load(name: str) -> bool:
        until = time.monotonic() + 20
        while not (seen := any("Loading the model" in message for message in sent)) and time.monotonic() < until:
            time.sleep(0.05)
        return seen

    st.write(f"the spinner was {'' if load('x') else 'not '}seen")


def test_a_person_reads_what_is_computed_meanwhile():
    """Streamlit shows a spinner after half a second; the function returns once its text was sent to the browser."""
    assert AppTest.from_function(page_that_computes).run(timeout=30).markdown[0].value == "the spinner was seen"


def test_the_results_take_no_more_memory_than_the_limit(monkeypatch):
    memory = MemoryCache(10_000_000)
    monkeypatch.setattr(module, "_memory", memory)
    calls = []

    @cached(shared=True)
    def zeros(number: int, size: int = 1_000_000) -> np.ndarray:
        calls.append(number)
        return np.zeros(size, np.uint8)

    for number in range(30):
        zeros(number)
        zeros(0)  # used again and again: it stays
        assert memory.size <= 10_000_000
    assert calls.count(0) == 1
    gc.collect()
    assert zeros.has(29)
    assert not zeros.has(5)
    zeros(99, 50_000_000)
    assert zeros.has(99, 50_000_000), "what is larger than the limit stays alone: the page needs it at the next click too"
    assert memory.size <= 10_000_000
    zeros(1)
    assert not zeros.has(99, 50_000_000)


def test_sizes_are_those_of_the_arrays_tables_and_texts_inside(tmp_path):
    import torch

    array = np.zeros(100_000, np.float32)
    assert size_of(array) == 400_000
    assert 400_000 <= size_of({"a": [array, array]}) < 401_000, "each object counts once"
    assert 800_000 <= size_of(pd.DataFrame({"a": array, "b": array})) < 801_000
    assert 1_000_000 <= size_of(b"x" * 1_000_000) < 1_001_000
    assert 4_004_000 <= size_of(torch.nn.Linear(1000, 1000)) < 4_100_000
    np.save(tmp_path / "a.npy", array)
    assert size_of(np.load(tmp_path / "a.npy", mmap_mode="r")[10:]) == 0, "a mapped file is not the process's memory"
