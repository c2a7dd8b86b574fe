"""Names of classes and files come from folders of unknown origin: a page shows them letter by letter."""

import shutil

import numpy as np
import pytest
from tab import Tab

from dashboard.app.formatting import plain
from engine.data import datasets
from engine.data.filters import Filter
from engine.data.predictions import outcomes, write_predictions
from engine.runs.config import configure
from engine.runs.run import Run
from engine.training import launcher

NAMES = ("**bold** :red[x]", "<b>bad & $x$", "two\nlines", "[link](http:x) ~~gone~~")


@pytest.fixture
def named(home, tmp_path, write_class) -> Run:
    """A dataset of such classes, and a scored run on it (its answers are made up)."""
    root = tmp_path / "names"
    for number, name in enumerate(NAMES):
        write_class(root / name, ("sea", "forest", "glacier", "mountain")[number], 12, first=100 * number)
    data, _ = datasets.add_dataset(str(root))
    run = launcher.create(configure("names"))
    images = data.catalog.frame("test")
    true = np.array([run.classes.index(name) for name in images["class"]])
    answers = outcomes(true, np.full((len(true), 4), 0.1, np.float32) + 0.6 * np.eye(4, dtype=np.float32)[(true + 1) % 4])
    known = images[["id", "path", "hash"]].rename(columns={"id": "image_id", "hash": "content"})
    write_predictions(run.path, "test", known.join(answers), run.classes)
    (run.path / "checkpoints" / "best-000001").mkdir(parents=True)
    return run


def shown(name: str) -> str:
    """The name in Markdown, every sign of it escaped, on one line."""
    return "".join(f"\\{sign}" if sign in r"\`*_{}[]()<>#+-.!|~$:&" else sign for sign in " ".join(name.split()))


def test_such_folders_are_classes(named):
    assert set(named.classes) == set(NAMES)


@pytest.mark.parametrize("page", ["start", "explore", "augment", "train", "runs", "evaluate", "clean", "predict"])
def test_every_page_stands_and_no_name_is_markup(named, page):
    tab = Tab().open(page)
    words = tab.text + "".join(str(element.proto) for element in tab.at.image)
    for name in NAMES:
        assert name not in words


def test_evaluate_shows_them_letter_by_letter(named):
    tab = Tab().open("evaluate", true=NAMES[0], predicted=named.classes[(named.classes.index(NAMES[0]) + 1) % 4])
    assert f"of **{shown(NAMES[0])}** taken for" in tab.text
    assert any(shown(NAMES[0]) in option for option in tab.widget("pair").options)
    assert tab.items("cell-0")[0]["caption"] == NAMES[0]
    figures = str(tab.figure("class-scores"))
    assert "<b>bad" not in figures
    assert "&lt;b>bad &amp; $x$" in figures
    assert set(tab.data("matrix")["names"]) == {plain(name) for name in NAMES}, "the browser shows them by textContent"


def test_confused_pairs_show_them_letter_by_letter(named):
    tab = Tab().open("evaluate", ask="pairs")
    drawn = [{key: value for key, value in trace.items() if key != "customdata"} for trace in tab.figure("pairs-ranked")["data"]]
    assert "<b>bad" not in str([drawn, tab.figure("pairs-ranked")["layout"], tab.text])


def test_explore_and_augment_show_them_letter_by_letter(named):
    tab = Tab().open("explore", filter=Filter(classes=(NAMES[1],)).to_text())
    assert {item["caption"] for item in tab.items("explore")} == {NAMES[1]}
    # What a click reports is the name itself; it is shown nowhere.
    drawn = [{key: value for key, value in trace.items() if key != "customdata"} for trace in tab.figure("counts")["data"]]
    assert "<b>bad" not in str([drawn, tab.figure("counts")["layout"]])
    tab = Tab().open("augment", **{"class": NAMES[0]})
    assert shown(NAMES[0]) in tab.text


def test_a_path_with_markup_is_shown_as_it_is(named, tmp_path, home):
    shutil.copytree(tmp_path / "names", tmp_path / "*odd* [name]")
    datasets.add_dataset(str(tmp_path / "*odd* [name]"), "odd")
    tab = Tab().open("explore", dataset="odd")
    assert shown(str(tmp_path / "*odd* [name]")) in tab.text
