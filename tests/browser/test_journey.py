"""From an empty folder to an explained mistake, in Chromium against the real server. The tests are one story, in this order.

On the way the README's pictures are taken (of the demo dataset, which is synthetic).
"""

import re
from pathlib import Path

import pandas as pd
import pytest
from driven import Tab
from playwright.sync_api import expect

from engine.data.predictions import read_predictions
from engine.evaluation import metrics
from engine.runs.config import configure
from engine.training import launcher

pytestmark = pytest.mark.browser

CLASSES = ("buildings", "forest", "glacier", "mountain", "sea", "street")


@pytest.fixture(scope="module")
def answers(trained: Path) -> pd.DataFrame:
    """The prediction table of the test split, worst first."""
    return read_predictions(trained, "test").sort_values("loss", ascending=False, kind="stable")


@pytest.fixture(scope="module")
def pair(answers: pd.DataFrame) -> tuple[int, int]:
    """The cell of the matrix with the most errors: (true, predicted)."""
    matrix = metrics.confusion(answers, len(CLASSES))
    return max(((t, p) for t in range(6) for p in range(6) if t != p), key=lambda cell: matrix[cell])


def behind(answers: pd.DataFrame, true: int, predicted: int) -> list[int]:
    return answers[(answers["true"] == true) & (answers["predicted"] == predicted)]["image_id"].tolist()


def address(true: int, predicted: int) -> str:
    return f"?true={CLASSES[true]}&predicted={CLASSES[predicted]}"


def test_the_demo_dataset_is_there_without_a_click(tab, screenshots):
    tab.open("start")
    tab.see(re.compile("Adding demo|synthetic: painted by a program"))
    tab.see("1,200 images, 6 classes: 810 train, 240 test, 90 validation, 60 unlabelled", within=120_000)
    expect(tab.tiles("strip-demo")).to_have_count(6)
    tab.painted("strip-demo")
    tab.settled().picture(screenshots / "start.png")


def test_one_click_trains_and_a_reload_finds_the_run_live(tab, open_tab, server, screenshots):
    tab.open("start").page.get_by_role("button", name="Train a first model").click()
    tab.on("train")
    tab.page.wait_for_url(re.compile("run=fast-1"))
    tab.reload().on("train")
    assert tab.query("run") == "fast-1"
    expect(tab.page.get_by_role("button", name="Stop")).to_be_visible()
    expect(tab.page.get_by_role("progressbar").first).to_be_visible()
    other = open_tab().open("train", "?run=fast-1")
    for one in (tab, other):
        one.see("See where it goes wrong", within=120_000)
        expect(one.page.get_by_role("button", name="Stop")).to_have_count(0)
        one.see(re.compile(r"macro F1 0\.\d{3} \(0\.\d{3} to 0\.\d{3}\) on 240 test images"))
    assert server.status(server.runs()[0]) == "finished"
    expect(tab.page.locator(".st-key-candidates-fast-1 .js-plotly-plot")).to_be_visible()
    tab.settled().picture(screenshots / "train.png")
    tab.page.get_by_role("link", name="See where it goes wrong").click()
    tab.on("evaluate")
    assert tab.query("run") == "fast-1"


def test_the_verdict_is_that_of_the_prediction_table(tab, answers):
    tab.open("evaluate")
    wrong = answers["true"] != answers["predicted"]
    tab.see(f"{wrong.sum()} of {len(answers)} test images")
    expect(tab.tiles("cell-0")).to_have_count(int(wrong.sum()))
    assert tab.ids("cell-0") == answers[wrong]["image_id"].tolist()


def test_a_click_on_a_cell_fills_the_gallery_with_exactly_its_images(tab, answers, pair, screenshots):
    tab.open("evaluate")
    true, predicted = pair
    # Near a corner of the cell: a click means the cell that it hits, not the nearest of a few points.
    for cell, across, down in ((pair, 0.12, 0.88), ((4, 4), 0.9, 0.1), (pair, 0.85, 0.15)):
        tab.click_cell(*cell, across, down)
        tab.chosen("-".join(map(str, cell)))
        expect(tab.tiles("cell-0")).to_have_count(min(60, len(behind(answers, *cell))))
        expect(tab.tiles("cell-0").first).to_have_attribute("data-id", str(behind(answers, *cell)[0]))
        assert tab.ids("cell-0") == behind(answers, *cell)[:60]
    tab.see(f"{len(behind(answers, *pair))} images of {CLASSES[true]} taken for {CLASSES[predicted]}")
    tab.page.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, 0)")
    tab.painted("cell-0")
    tab.settled().picture(screenshots / "evaluate.png")


def test_a_cell_without_images_says_so(tab, answers):
    tab.open("evaluate")
    matrix = metrics.confusion(answers, len(CLASSES))
    empty = next((t, p) for t in range(6) for p in range(6) if matrix[t, p] == 0)
    tab.click_cell(*empty, 0.2, 0.3)
    tab.see("No image is in this cell.")
    tab.page.keyboard.press("Escape")
    tab.chosen()
    expect(tab.tiles("cell-0")).to_have_count(int((answers["true"] != answers["predicted"]).sum()))


def test_a_reload_keeps_the_cell(tab, answers, pair):
    tab.open("evaluate").click_cell(*pair, 0.3, 0.7)
    tab.chosen("-".join(map(str, pair)))
    tab.reload().on("evaluate")
    expect(tab.tiles("cell-0")).to_have_count(len(behind(answers, *pair)))
    assert tab.ids("cell-0") == behind(answers, *pair)


def test_a_pair_is_one_click_and_shows_both_directions(tab, answers):
    tab.open("evaluate")
    most = metrics.confused_pairs(metrics.confusion(answers, 6), CLASSES).iloc[0]
    tab.see(f"{most['a']} ⇄ {most['b']}: {most['errors']}").click()
    a, b = CLASSES.index(most["a"]), CLASSES.index(most["b"])
    tab.chosen(f"{a}-{b}", f"{b}-{a}")
    for key, expected in (("cell-0", behind(answers, a, b)), ("cell-1", behind(answers, b, a))):
        expect(tab.tiles(key)).to_have_count(len(expected))
        assert tab.ids(key) == expected


def test_headers_and_cells_add_up_by_mouse_and_by_keyboard(tab, answers, pair):
    tab.open("evaluate").click_cell(*pair)
    cell = "-".join(map(str, pair))
    tab.chosen(cell)
    header = tab.page.locator(".st-key-matrix .rows [data-class='1']")
    header.click(modifiers=["Control"])
    tab.chosen(cell, "1-")
    tab.see(f"{len({*behind(answers, *pair), *answers[answers['true'] == 1]['image_id']})} images in 2 parts of the matrix")
    tab.page.keyboard.press("Escape")
    tab.chosen()
    # From the header of row 1: down and up the rows, along to the second cell, Enter for it alone, Space for one more.
    for key in ("ArrowDown", "ArrowUp", "ArrowRight", "ArrowRight", "Enter"):
        tab.page.keyboard.press(key)
    tab.chosen("1-1")
    for key in ("ArrowUp", "ArrowUp", "Space"):
        tab.page.keyboard.press(key)
    tab.chosen("1-1", "-1")
    wanted = answers[(answers["predicted"] == 1)]["image_id"].tolist()
    expect(tab.tiles("cell-0")).to_have_count(min(60, len(wanted)))
    expect(tab.tiles("cell-0").first).to_have_attribute("data-id", str(wanted[0]))
    assert tab.ids("cell-0") == wanted[:60]


def test_a_mistake_is_explained_under_the_lens_and_the_arrows_walk_on(tab, answers, pair, screenshots):
    tab.open("evaluate", address(*pair))
    paths = answers.set_index("image_id")["path"][behind(answers, *pair)].tolist()
    tab.tiles("cell-0").first.click()
    lens = tab.page.get_by_role("dialog")
    for place, key in ((0, None), (1, "ArrowRight"), (0, "ArrowLeft")):
        if key:
            tab.page.keyboard.press(key)
        expect(lens).to_contain_text(paths[place])
        expect(lens).to_contain_text(f"{place + 1} of {len(paths)}")
        for words in ("What the network saw", *(f"Evidence for {CLASSES[c]}" for c in (pair[1], pair[0]))):
            expect(lens.get_by_text(words)).to_be_visible()
        # The picture, and a different map for each class, which takes the picture's place once it is there.
        tab.page.wait_for_function(
            "new Set([...document.querySelectorAll('[role=dialog] img[src^=data]')].map(image => image.src)).size === 3"
        )
        tab.settled()
    tab.page.wait_for_function("[...document.querySelectorAll('[role=dialog] img')].every(image => image.naturalWidth === 224)")
    tab.picture(screenshots / "lens.png")
    tab.page.keyboard.press("Escape")
    expect(lens).to_have_count(0)
    assert tab.ids("cell-0") == behind(answers, *pair)


def test_the_gallery_is_walked_and_opened_by_keyboard_alone(tab, answers, pair):
    tab.open("evaluate", address(*pair))
    tiles, result = tab.tiles("cell-0"), behind(answers, *pair)
    expect(tiles).to_have_count(len(result))
    focused = (
        "(() => { let e = document.activeElement; while (e?.shadowRoot) e = e.shadowRoot.activeElement; return e?.dataset.id })()"
    )
    for _ in range(60):
        tab.page.keyboard.press("Tab")
        if tab.state(focused):
            break
    assert tab.state(focused) == str(result[0]), "one Tab stop leads to the first picture"
    tab.page.keyboard.press("ArrowRight")
    assert tab.state(focused) == str(result[1])
    tab.page.keyboard.press("End")
    assert tab.state(focused) == str(result[-1])
    tab.page.keyboard.press("Enter")
    path = answers.set_index("image_id")["path"][result[-1]]
    expect(tab.page.get_by_role("dialog")).to_contain_text(path)


def test_explore_filters_turns_pages_and_opens_an_image(tab, screenshots):
    tab.open("explore")
    expect(tab.tiles("explore")).to_have_count(60)
    tab.painted("explore")
    tab.picture(screenshots / "explore.png")
    tab.open("explore", "?filter=split_train~class_sea")
    tab.see("135 of 1,200 images match")
    expect(tab.tiles("explore")).to_have_count(60)
    first = tab.ids("explore")
    tab.page.get_by_role("button", name="Page 2").click()
    tab.page.wait_for_url(re.compile("page=2"))
    expect(tab.tiles("explore").first).not_to_have_attribute("data-id", str(first[0]))
    second = tab.ids("explore")
    assert len(second) == 60
    assert not set(first) & set(second)
    tab.reload().on("explore")
    expect(tab.tiles("explore").first).to_have_attribute("data-id", str(second[0]))
    name = tab.tiles("explore").first.locator(".note").inner_text()
    tab.tiles("explore").first.click()
    dialog = tab.page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"seg_train/seg_train/sea/{name}")
    expect(dialog).to_contain_text("150 × 150 px")


def test_augment_draws_again_and_a_seed_gives_the_same_draws(tab, open_tab, screenshots):
    tab.open("augment", "?seed=5&kind=mountain&pipeline=strong")
    sources = "[...document.querySelectorAll('[data-testid=stImage] img')].map(image => image.src)"
    expect(tab.page.get_by_test_id("stImage")).to_have_count(6)
    tab.page.wait_for_function("[...document.querySelectorAll('[data-testid=stImage] img')].every(image => image.naturalWidth)")
    original, *_, sheet = tab.state(sources)
    tab.picture(screenshots / "augment.png")
    tab.page.get_by_role("button", name="New samples").click()
    expect(tab.page.get_by_test_id("stImage").last.locator("img")).not_to_have_attribute("src", sheet)
    assert tab.settled().state(sources)[0] == original
    again = open_tab().open("augment", "?seed=5&kind=mountain&pipeline=strong")
    expect(again.page.get_by_test_id("stImage")).to_have_count(6)
    again.settled()
    assert again.page.get_by_test_id("stImage").last.locator("img").evaluate("i => new URL(i.src).pathname") in sheet


def test_two_tabs_keep_views_of_their_own(open_tab, trained):
    one, other = open_tab().open("evaluate", "?true=sea&predicted=sea"), open_tab().open("evaluate", "?split=validation")
    one.see("of sea recognised")
    other.see("90 validation images")
    one.reload().on("evaluate").see("of sea recognised")


def test_a_deletion_is_undone_with_a_click(tab, server, trained, monkeypatch):
    monkeypatch.setenv("SCENESCOPE_HOME", str(server.home))
    run = launcher.create(configure("demo"))
    tab.open("runs", f"?run={run.id}")
    tab.page.get_by_role("button", name="Delete").click()
    tab.page.wait_for_url(re.compile(f"run={trained.name}"))
    tab.see(f"Deleted {run.id}.")
    assert not run.path.exists()
    tab.page.get_by_role("button", name="Undo").click()
    tab.page.wait_for_url(re.compile(f"run={run.id}"))
    assert run.path.is_dir()
    tab.settled().page.get_by_role("button", name="Delete").click()
    tab.page.wait_for_url(re.compile(f"run={trained.name}"))


def test_evaluate_in_the_dark(open_tab, pair, answers, screenshots):
    tab: Tab = open_tab(dark=True).open("evaluate", address(*pair))
    expect(tab.tiles("cell-0")).to_have_count(len(behind(answers, *pair)))
    tab.painted("cell-0")
    tab.settled().picture(screenshots / "evaluate-dark.png")
