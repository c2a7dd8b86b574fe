"""How images come to the Predict page: files, a folder, a zip, the clipboard, the camera, a folder on this machine.

Each upload becomes a batch on the disk, whose id is in the address: a reload shows it again. Nothing is ever fetched from the network.
"""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import streamlit as st

from dashboard.app import formatting, url_state, viewer_time
from dashboard.app.error_page import try_and_rerun
from dashboard.app.image_urls import thumbnail_url
from dashboard.app.url_state import Parameter, page_parameter
from dashboard.app.widgets import expander
from dashboard.components.gallery import Tile, gallery
from dashboard.predict.clipboard import accept_pasted_images
from engine.core.address import Choice, Integer, OrNone, Text
from engine.core.errors import UserError
from engine.core.number_text import count_text
from engine.data import uploads
from engine.data.catalog import Row
from engine.data.datasets import Dataset
from engine.data.file_kinds import EXTENSIONS
from engine.inference.batch import job, store
from engine.inference.batch.store import Batch

BATCH = Parameter("batch", Text(), "")
EXAMPLES: Parameter[int | None] = Parameter("examples", OrNone(Integer()), None)
PREDICTIONS_PAGE = page_parameter("answers_page")
_OLD_PICTURE = Parameter("picture", Text(), "")  # of older versions
_ZIP_MB = 1024
_EXAMPLES, _SIX = 3, 6
_SOURCES = {
    "files": ":material/upload_file: Files or zip",
    "folder": ":material/drive_folder_upload: Folder",
    "camera": ":material/photo_camera: Camera",
    "here": ":material/dns: On this machine",
}
_SOURCE = Parameter("from", Choice(tuple(_SOURCES)), next(iter(_SOURCES)))
_COUNT, _PROBLEM = "uploads-taken", "upload-refused"


def current_batch() -> Batch | None:
    """The batch in the address; None where there is none, or, with a message, where it no longer exists."""
    if not (name := BATCH.read()):
        return None
    try:
        return store.load_batch(name)
    except UserError as error:
        st.info(formatting.literal(str(error)), icon=":material/delete_history:")
        BATCH.clear()
        return None


def upload_panel(has_batch: bool) -> None:
    """Draw the widgets that take images. An upload becomes the batch of the page before the page is redrawn."""
    if not has_batch:
        _draw_upload()
        return
    panel = expander("New images", "other-pictures", icon=":material/add_photo_alternate:")
    if panel.open:
        with panel:
            _draw_upload()


def _draw_upload() -> None:
    source = url_state.choose(
        st.segmented_control, "From", _SOURCE, format_func=_SOURCES.__getitem__, label_visibility="collapsed"
    )  # fmt: skip
    if source == "camera":
        key = _key("camera")
        st.camera_input("Take a photo", key=key, on_change=_save_photo, args=(key,), label_visibility="collapsed", width=480)
    elif source == "here":
        _open_folder()
    else:
        key = _key(source)
        # A folder may hold videos, which need not be uploaded. Files that were chosen one by one and are no images are reported instead.
        extensions = sorted(EXTENSIONS) if source == "folder" else None
        st.file_uploader(
            "Images", extensions, accept_multiple_files="directory" if source == "folder" else True, key=key,
            on_change=_save_files, args=(key,), label_visibility="collapsed", max_upload_size=_ZIP_MB,
        )  # fmt: skip
        if source == "files":
            accept_pasted_images()
            st.caption(
                f"Any number of images, up to {uploads.UploadLimits().image_bytes >> 20} MB each, and zip archives of images, up to "
                f"{_ZIP_MB >> 10} GB each. A copied image can be pasted with Ctrl+V."
            )
        else:
            st.caption("If the subfolders are named like the classes, the predictions are scored at once.")
    if problem := st.session_state.pop(_PROBLEM, None):
        st.error(formatting.literal(problem), icon=":material/error:")


def _open_folder() -> None:
    with st.form("folder-here", border=False):
        text, button = st.columns([5, 1], vertical_alignment="bottom")
        path = text.text_input("Folder on the computer that Scenescope runs on", placeholder="/home/me/photos", key="folder-path")
        if not button.form_submit_button("Open", icon=":material/folder_open:", width="stretch"):
            return
    try:
        if not path.strip():
            raise UserError("No folder was entered.", "Enter the full path, such as /home/me/photos.")
        _show(store.create_folder_batch(Path(path.strip())))
    except UserError as error:
        st.error(formatting.literal(str(error)), icon=":material/error:")
    except OSError as error:
        st.error(formatting.literal(f"The folder could not be read: {error.strerror}."), icon=":material/error:")
    else:
        st.rerun()


def _save_files(key: str) -> None:
    files = st.session_state[key] or []
    title = files[0].name.partition("/")[0] if len(files) == 1 or key.startswith("folder") else count_text(len(files), "file")
    _save_batch(title, [(file.name, file) for file in files])


def _save_photo(key: str) -> None:
    if (file := st.session_state[key]) is not None:
        _save_batch("Camera", [("camera.jpg", file)])


def _save_batch(title: str, files: Sequence[tuple[str, BinaryIO]]) -> None:
    """Make a batch of named files, in a callback: the page is then drawn with the batch and an empty uploader."""
    if not files:
        return
    try:
        _show(store.create_batch(title, uploads.read_images(files)))
    except UserError as error:
        st.session_state[_PROBLEM] = str(error)
    except OSError as error:
        st.session_state[_PROBLEM] = (
            f"The images could not be saved: {error.strerror}. Free some space or fix the folder's permissions."
        )
    # The next uploader has another key: under the same one, Streamlit would hold the files in memory as long as the tab is open.
    st.session_state[_COUNT] = st.session_state.get(_COUNT, 0) + 1


def _key(source: str) -> str:
    return f"{source}-{st.session_state.get(_COUNT, 0)}"


def _show(batch: Batch) -> None:
    BATCH.write(batch.id)
    PREDICTIONS_PAGE.clear()
    _OLD_PICTURE.clear()


def example_images(data: Dataset) -> None:
    """Draw some of the dataset's own test images to try: one with a click on it, or six at once."""
    seed = EXAMPLES.read()
    rows = _sample(data, _EXAMPLES, st.session_state.setdefault("tries", random.randrange(10_000)))
    if not rows:
        st.info(
            f"The images of {formatting.literal(data.name)} are missing: their folder was moved or deleted.",
            icon=":material/folder_off:",
        )
        return
    if seed is not None:
        EXAMPLES.clear()
        _predict(data, _sample(data, _SIX, seed))
    st.markdown("Or try images that no run was trained on:")
    tiles = [
        Tile(
            id=row.id, src=thumbnail_url(data.name, row.id, row.hash), caption=row.path.rpartition("/")[2], alt=f"Try {row.path}"
        )
        for row in rows
    ]
    picked = gallery(tiles, key="tries-gallery", size="M", scope=data.name, label="Images to try")
    if picked.opened is not None:
        _predict(data, [row for row in rows if row.id == picked.opened])
    if st.button("Try six", icon=":material/casino:"):
        _predict(data, _sample(data, _SIX, random.randrange(10_000)))


def _sample(data: Dataset, count: int, seed: int) -> list[Row]:
    frame = data.catalog.frame("test")
    frame = frame if len(frame) else data.catalog.frame("validation")
    frame = frame.sample(min(count, len(frame)), random_state=seed)
    return [row for row in data.catalog.rows(frame["id"].tolist()).values() if row.file(data.root).is_file()]


def _predict(data: Dataset, rows: list[Row]) -> None:
    """Make a batch of the dataset's own images, in folders named like their classes, and rerun the page with it."""
    names = [f"{row.class_name}/{row.path.rpartition('/')[2]}" for row in rows]
    contents = [row.file(data.root).read_bytes() for row in rows]
    try_and_rerun(lambda: _show(store.create_batch(f"Test images of {data.name}", map(uploads.UploadItem, names, contents))))


def batch_title(batch: Batch) -> None:
    """Draw what the batch is, and the button that deletes it."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="about-batch"):
        # "file", not "image": which of them can be decoded is not known before the prediction.
        files = count_text(len(batch.images), "file")
        title = batch.title if batch.title == files else f"{batch.title}: {files}"
        st.caption(f"{formatting.literal(title)}, {viewer_time.time_ago(batch.created)}", width="content")
        delete_help = "Deletes the uploaded copies. Files in a folder of yours are not deleted."
        if st.button("Delete these", icon=":material/delete:", key="delete-batch", type="tertiary", help=delete_help):
            try_and_rerun(_delete, batch)


def _delete(batch: Batch) -> None:
    job.delete(batch)
    BATCH.clear()
