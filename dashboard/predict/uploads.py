"""How pictures come to the Predict page: files, a folder, a zip, the clipboard, the camera, a folder on this machine.

Each becomes a batch on the disk, which the address names: a reload shows it again. No address of the network is ever fetched.
"""

import random
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import streamlit as st

from dashboard.app import formatting, url_state, viewer_time
from dashboard.app.error_page import try_and_rerun
from dashboard.app.image_urls import thumbnail_url
from dashboard.app.widgets import expander
from dashboard.components.gallery import Tile, gallery
from dashboard.predict.clipboard import accept_pasted_images
from engine.core.errors import UserError
from engine.core.number_text import count_text
from engine.data import uploads as intake
from engine.data.catalog import Row
from engine.data.datasets import Dataset
from engine.data.decoding import EXTENSIONS
from engine.inference.batch import job, store
from engine.inference.batch.store import Batch

BATCH = "batch"
_ZIP_MB = 1024
_TRIES, _SIX = 3, 6
_WAYS = {
    "files": ":material/upload_file: Files or zip",
    "folder": ":material/drive_folder_upload: Folder",
    "camera": ":material/photo_camera: Camera",
    "here": ":material/dns: On this machine",
}
_COUNT, _SAID = "uploads-taken", "upload-refused"


def current_batch() -> Batch | None:
    """The batch that the address names; None where it names none, or one that is gone, which is said."""
    if (name := url_state.recall(BATCH)) is None:
        return None
    try:
        return store.batch(name)
    except UserError as error:
        st.info(formatting.literal(str(error)), icon=":material/delete_history:")
        url_state.forget(BATCH)
        return None


def upload_panel(has_some: bool) -> None:
    """The places where pictures are dropped. What comes becomes the batch of the page before it is drawn again."""
    if not has_some:
        _draw()
        return
    panel = expander("New images", "other-pictures", icon=":material/add_photo_alternate:")
    if panel.open:
        with panel:
            _draw()


def _draw() -> None:
    way = url_state.choose(
        st.segmented_control, "From", list(_WAYS), "from", format_func=_WAYS.__getitem__, label_visibility="collapsed"
    )  # fmt: skip
    if way == "camera":
        key = _key("camera")
        st.camera_input("Take a picture", key=key, on_change=_camera, args=(key,), label_visibility="collapsed", width=480)
    elif way == "here":
        _on_this_machine()
    else:
        key = _key(way)
        # A folder may hold videos, which need not be uploaded. Of files, whatever is no picture is named with its reason.
        kinds = sorted(EXTENSIONS) if way == "folder" else None
        st.file_uploader(
            "Pictures", kinds, accept_multiple_files="directory" if way == "folder" else True, key=key,
            on_change=_uploaded, args=(key,), label_visibility="collapsed", max_upload_size=_ZIP_MB,
        )  # fmt: skip
        if way == "files":
            accept_pasted_images()
            st.caption(
                f"Any number of pictures, up to {intake.UploadLimits().picture_bytes >> 20} MB each, and zip archives of them, up to "
                f"{_ZIP_MB >> 10} GB each. A copied picture can be pasted with Ctrl+V."
            )
        else:
            st.caption("With folders named like the classes, the answers are scored at once.")
    if said := st.session_state.pop(_SAID, None):
        st.error(formatting.literal(said), icon=":material/error:")


def _on_this_machine() -> None:
    with st.form("folder-here", border=False):
        text, button = st.columns([5, 1], vertical_alignment="bottom")
        path = text.text_input("Folder on the computer that Scenescope runs on", placeholder="/home/me/photos", key="folder-path")
        if not button.form_submit_button("Look", icon=":material/search:", width="stretch"):
            return
    try:
        if not path.strip():
            raise UserError("No folder was given.", "Give the full path, such as /home/me/photos.")
        _show(store.keep_folder(Path(path.strip())))
    except UserError as error:
        st.error(formatting.literal(str(error)), icon=":material/error:")
    except OSError as error:
        st.error(formatting.literal(f"The folder cannot be read: {error.strerror}."), icon=":material/error:")
    else:
        st.rerun()


def _uploaded(key: str) -> None:
    files = st.session_state[key] or []
    title = files[0].name.partition("/")[0] if len(files) == 1 or key.startswith("folder") else count_text(len(files), "file")
    _keep(title, [(file.name, file) for file in files])


def _camera(key: str) -> None:
    if (file := st.session_state[key]) is not None:
        _keep("Camera", [("camera.jpg", file)])


def _keep(title: str, uploads: Iterable[tuple[str, BinaryIO]]) -> None:
    """In a callback: the page is drawn with the batch, and with an empty place for the next one."""
    uploads = list(uploads)
    if not uploads:
        return
    try:
        _show(store.keep(title, intake.read_images(uploads)))
    except UserError as error:
        st.session_state[_SAID] = str(error)
    except OSError as error:
        st.session_state[_SAID] = (
            f"The images could not be saved: {error.strerror}. Free some space or fix the folder's permissions."
        )
    # Streamlit would keep the files in its memory for as long as the tab is open.
    st.session_state[_COUNT] = st.session_state.get(_COUNT, 0) + 1


def _key(way: str) -> str:
    return f"{way}-{st.session_state.get(_COUNT, 0)}"


def _show(found: Batch) -> None:
    url_state.remember(BATCH, found.id)
    for key in ("picture", "answers_page"):
        url_state.forget(key)


def example_images(data: Dataset) -> None:
    """Some of the dataset's own test images to try: one at a click, or six at once."""
    seed = url_state.recall_integer("examples")
    rows = _sample(data, _TRIES, st.session_state.setdefault("tries", random.randrange(10_000)))
    if not rows:
        st.info(f"The images of {formatting.literal(data.name)} are not where they were.", icon=":material/folder_off:")
        return
    if seed is not None:
        url_state.forget("examples")
        _look_at(data, _sample(data, _SIX, seed))
    st.markdown("Or try images that no run was trained on:")
    tiles = [
        Tile(
            id=row.id, src=thumbnail_url(data.name, row.id, row.hash), caption=row.path.rpartition("/")[2], alt=f"Try {row.path}"
        )
        for row in rows
    ]
    picked = gallery(tiles, key="tries-gallery", size="M", of=data.name, label="Pictures to try")
    if picked.opened is not None:
        _look_at(data, [row for row in rows if row.id == picked.opened])
    if st.button("Try six", icon=":material/casino:"):
        _look_at(data, _sample(data, _SIX, random.randrange(10_000)))


def _sample(data: Dataset, count: int, seed: int) -> list[Row]:
    frame = data.catalog.frame("test")
    frame = frame if len(frame) else data.catalog.frame("validation")
    frame = frame.sample(min(count, len(frame)), random_state=seed)
    return [row for row in data.catalog.rows(frame["id"].tolist()).values() if row.file(data.root).is_file()]


def _look_at(data: Dataset, rows: list[Row]) -> None:
    """Make a batch of the dataset's own images, under the classes that they are filed under, and draw the page with it."""
    names = [f"{row.class_name}/{row.path.rpartition('/')[2]}" for row in rows]
    contents = [row.file(data.root).read_bytes() for row in rows]
    try_and_rerun(lambda: _show(store.keep(f"Test images of {data.name}", map(intake.UploadItem, names, contents))))


def batch_title(batch: Batch) -> None:
    """What is looked at, and the way to be rid of it."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="about-batch"):
        files = count_text(len(batch.pictures), "file")  # whether each is a picture, only the answers tell
        title = batch.title if batch.title == files else f"{batch.title}: {files}"
        st.caption(f"{formatting.literal(title)}, {viewer_time.time_ago(batch.created)}", width="content")
        if st.button(
            "Delete these",
            icon=":material/delete:",
            key="delete-batch",
            type="tertiary",
            help="Not what lies in a folder of yours.",
        ):
            try_and_rerun(_delete, batch)


def _delete(batch: Batch) -> None:
    job.delete(batch)
    url_state.forget(BATCH)
