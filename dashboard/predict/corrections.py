"""The corrections of a dataset: browsed, removed, and combined with the dataset for the next training."""

import streamlit as st

from dashboard.app import formatting, viewer_time
from dashboard.app.error_page import try_and_rerun
from dashboard.app.image_urls import correction_url
from dashboard.charts.palette import class_colours
from dashboard.components.gallery import GridSelection, Tile, gallery
from engine.core.errors import UserError
from engine.data import add_job
from engine.data.datasets import Dataset, list_datasets
from engine.inference.corrections import (
    CORRECTED_SUFFIX,
    Correction,
    build_corrected_dataset,
    folder,
    list_corrections,
    remove_correction,
)

_KEY = "corrections"
_SHOWN = 60


def corrections(data: Dataset) -> None:
    """Draw the corrections of a dataset; nothing where there are none."""
    items = list_corrections(data)
    if not items:
        return
    colours = class_colours(data.classes)
    with st.expander(
        f"Corrections for {formatting.literal(data.name)}: {len(items):,}", icon=":material/rule:", key="corrections-list"
    ):
        tiles = [
            Tile(
                id=place, src=correction_url(data.name, item.content), caption=item.class_name, notes=[viewer_time.time_ago(item.when)],
                colour=colours.get(item.class_name), alt=f"Corrected to {item.class_name}",
            )
            for place, item in enumerate(items[:_SHOWN])
        ]  # fmt: skip
        gallery(tiles, key=_KEY, size="S", select="many", scope=f"{data.name}-{len(items)}", label="Corrected images")
        selected = GridSelection(_KEY).read()
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Remove", icon=":material/undo:", disabled=not selected, help="Removes the selected corrections."):
                _remove(data, [items[place] for place in selected if place < len(items)])
            if st.button("Create a dataset with corrections", icon=":material/library_add:"):
                _create_dataset(data)
        more = f" The newest {_SHOWN} are shown." if len(items) > _SHOWN else ""
        st.caption(
            f"Stored in `{folder(data)}`, one folder per class.{more} The dataset {formatting.literal(data.name)}{CORRECTED_SUFFIX} adds "
            "them to the training images and has the same validation and test images as this one, so that scores are comparable."
        )


def _remove(data: Dataset, items: list[Correction]) -> None:
    def remove_all() -> None:
        for item in items:
            remove_correction(data, item.content)
        GridSelection(_KEY).clear()

    try_and_rerun(remove_all)


def _create_dataset(data: Dataset) -> None:
    try:
        place, name = build_corrected_dataset(data)
        known = any(other.name == name for other in list_datasets())
        add_job.start(str(place), name)
    except UserError as error:
        st.error(formatting.literal(str(error)), icon=":material/error:")
        return
    action = "is being scanned again" if known else "is being created"
    st.success(f"**{formatting.literal(name)}** {action}; it will appear on the Start page in a moment.", icon=":material/check:")
    st.page_link("../../pages/train.py", label="Train on it", icon=":material/model_training:")
