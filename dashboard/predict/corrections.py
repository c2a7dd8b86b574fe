"""The pictures that were told their right class: looked through, taken back, and joined to the dataset for the next training."""

import streamlit as st

from dashboard.app import formatting, viewer_time
from dashboard.app.error_page import try_and_rerun
from dashboard.app.image_urls import correction_url
from dashboard.charts.palette import class_colours
from dashboard.components.gallery import Tile, clear_selection, gallery, selection
from engine.core.errors import UserError
from engine.data import add_job, datasets
from engine.data.datasets import Dataset
from engine.inference import corrections as collection

_KEY = "corrections"
_SHOWN = 60


def corrections(data: Dataset) -> None:
    """The collection of a dataset; nothing where it is empty."""
    told = collection.told(data)
    if not told:
        return
    colours = class_colours(data.classes)
    with st.expander(
        f"Corrections for {formatting.literal(data.name)}: {len(told):,}", icon=":material/rule:", key="corrections-list"
    ):
        tiles = [
            Tile(
                id=place, src=correction_url(data.name, one.content), caption=one.class_name, notes=[viewer_time.time_ago(one.when)],
                colour=colours.get(one.class_name), alt=f"Corrected to {one.class_name}",
            )
            for place, one in enumerate(told[:_SHOWN])
        ]  # fmt: skip
        gallery(tiles, key=_KEY, size="S", select="many", of=f"{data.name}-{len(told)}", label="Corrected images")
        chosen = selection(_KEY)
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button(
                "Take back", icon=":material/undo:", disabled=not chosen, help="Removes the selected images from the corrections."
            ):
                _take_back(data, [told[place] for place in chosen if place < len(told)])
            if st.button("Make a dataset to train on", icon=":material/library_add:"):
                _join(data)
        more = f" The newest {_SHOWN} are shown." if len(told) > _SHOWN else ""
        st.caption(
            f"They are stored in `{collection.folder(data)}`, one folder per class.{more} "
            f"The dataset {formatting.literal(data.name)}{collection.JOINED} has "
            "them among its training images and the same validation and test images as this one, so that scores are comparable."
        )


def _take_back(data: Dataset, told: list[collection.Told]) -> None:
    def take_back() -> None:
        for one in told:
            collection.remove(data, one.content)
        clear_selection(_KEY)

    try_and_rerun(take_back)


def _join(data: Dataset) -> None:
    try:
        place, name = collection.join(data)
        known = next((one for one in datasets.list_datasets() if one.name == name), None)
        add_job.start(str(place), name)
    except UserError as error:
        st.error(formatting.literal(str(error)), icon=":material/error:")
        return
    again = "is being scanned again" if known else "is being made"
    st.success(f"**{formatting.literal(name)}** {again}; it is on the Start page in a moment.", icon=":material/check:")
    st.page_link("../../pages/train.py", label="Train on it", icon=":material/model_training:")
