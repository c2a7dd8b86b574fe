"""Predict in a browser: pictures dropped and pasted, the line between picture and map, a wrong answer told its class."""

import base64
import random
import zipfile

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

PASTE = """([name, content]) => {
  const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0))
  const held = new DataTransfer()
  held.items.add(new File([bytes], name, { type: "image/jpeg" }))
  document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: held, bubbles: true, cancelable: true }))
}"""
LOADED = """() => {
  const roots = [...document.querySelectorAll("*")].map(node => node.shadowRoot).filter(Boolean)
  const seen = roots.flatMap(root => [...root.querySelectorAll(".stage img")])
  return seen.length > 0 && seen.every(image => image.complete && image.naturalWidth === 480)
}"""


@pytest.fixture
def pictures(server):
    """pictures(kind): a test image of the demo dataset."""
    return lambda kind: sorted(server.home.glob(f"data/demo/images/seg_test/seg_test/{kind}/*.jpg"))[0]


def upload(tab, *files):
    tab.page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(list(files))


def test_pictures_are_answered_at_once_what_is_none_is_named_and_the_line_moves(tab, trained, pictures, tmp_path, screenshots):
    (tmp_path / "notes.jpg").write_text("These are words.")
    tab.open("predict")
    upload(tab, pictures("street"), tmp_path / "notes.jpg", pictures("sea"))
    expect(tab.page.get_by_test_id("stAlert")).to_contain_text("notes.jpg")
    plots = tab.page.get_by_test_id("stMain").locator(".js-plotly-plot")
    expect(plots).to_have_count(2)
    tab.settled()
    for plot in plots.all():
        bars = plot.evaluate("plot => plot.data[0].x")
        assert len(bars) == 3
        assert list(bars) == sorted(bars, reverse=True)
    tab.page.wait_for_function(LOADED)
    tab.picture(screenshots / "predict.png")
    line = tab.page.get_by_role("slider", name="Evidence of").first
    line.focus()
    for _ in range(3):
        tab.page.keyboard.press("ArrowLeft")
    assert line.evaluate("range => getComputedStyle(range.closest('.stage')).getPropertyValue('--at')") == "47%"
    box = line.bounding_box()
    tab.page.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2)
    assert int(line.input_value()) > 80
    tab.reload().settled()
    expect(plots).to_have_count(2)


def test_a_copied_picture_is_pasted_and_told_its_right_class(tab, trained, pictures, server, tmp_path):
    from PIL import Image, ImageOps

    # No image of the dataset itself, whose label would be edited instead.
    ImageOps.mirror(Image.open(pictures("sea"))).save(tmp_path / "mirrored.jpg")
    tab.open("predict")
    expect(tab.page.get_by_test_id("stFileUploaderDropzoneInput")).to_be_attached()
    # The ear for pastes is a component: it comes after the script has run.
    tab.page.wait_for_function("document.documentElement.dataset.scenescopePaste")
    content = base64.b64encode((tmp_path / "mirrored.jpg").read_bytes()).decode()
    tab.page.evaluate(PASTE, ["pasted.jpg", content])
    tab.see("Wrong? Correct it")
    tab.settled()
    tab.pick("Right class", "glacier")
    save = tab.page.get_by_role("button", name="Save correction")
    expect(save).to_be_enabled()
    save.click()
    tab.see("Corrected to glacier")
    copies = list(server.home.glob("collections/demo/glacier/*"))
    assert [file.read_bytes() for file in copies] == [(tmp_path / "mirrored.jpg").read_bytes()]


def test_a_zip_above_the_old_limit_is_answered_and_a_file_that_is_too_large_is_named(tab, trained, pictures, tmp_path):
    content = pictures("sea").read_bytes()
    with zipfile.ZipFile(tmp_path / "photos.zip", "w", zipfile.ZIP_STORED) as archive:
        for number in range(14):
            archive.writestr(f"sea/{number}.jpg", content + random.Random(number).randbytes(2_100_000))
    (tmp_path / "large.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(27 << 20))
    (tmp_path / "notes.tar.gz").write_bytes(b"\x1f\x8b\x08 no pictures")
    tab.open("predict")
    upload(tab, tmp_path / "photos.zip", tmp_path / "large.png", tmp_path / "notes.tar.gz")
    tab.see("14 of 14 predictions", within=120_000)
    tab.settled()
    expect(tab.tiles("asked")).to_have_count(14)
    main = tab.page.get_by_test_id("stMain")
    expect(main).not_to_contain_text("AxiosError")
    report = tab.page.get_by_test_id("stAlert")
    expect(report).to_contain_text("2 files are not used")
    expect(report).to_contain_text("large.png: too large: 27.0 MB, the limit is 25 MB per image")
    expect(report).to_contain_text("an archive of a kind that is not read")
    # Maps are chosen where a picture is opened, and there they act.
    expect(tab.page.get_by_role("combobox", name="Heatmap for")).to_have_count(0)
    tab.tiles("asked").first.click()
    dialog = tab.page.get_by_role("dialog")
    expect(dialog.get_by_role("combobox", name="Heatmap for")).to_be_visible()
    tab.pick("Heatmap for", "glacier")
    tab.addressed(cam_class="glacier")
    expect(dialog.get_by_role("slider", name="Evidence of fast-1 for glacier")).to_be_attached()
