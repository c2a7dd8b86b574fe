"""One image in detail: the whole picture, its facts and where they lie in its class, copies of it; arrow keys walk on."""

import html
from collections.abc import Callable, Mapping

import numpy as np
import streamlit as st

from dashboard.app import browser_history, formatting
from dashboard.app.image_urls import image_url
from dashboard.app.open_image import close_image, is_new_opening
from dashboard.charts.histogram import histogram_svg
from dashboard.components.similar import similar
from dashboard.components.step_buttons import step_buttons
from dashboard.explore.facts import percentile_text, value_of
from engine.data.catalog import Row
from engine.data.datasets import Dataset
from engine.data.filters import Filter
from engine.data.properties import PROPERTIES

_IMAGE = "detail-image"
_BINS = 36
_COLUMNS = 2


def open_detail(
    data: Dataset, conditions: Filter, by: str, descending: bool, image: int, colours: Mapping[str, str],
    on_close: Callable[[], None] | None = None, in_address: bool = False,
) -> None:  # fmt: skip
    """Open the dialog on an image; the arrow keys walk through what the filter leaves, in the gallery's order.

    `on_close`: is called when the person closes it, before the page is drawn anew. `in_address`: it is in the address.
    """
    if not in_address or is_new_opening("detail"):
        st.session_state[_IMAGE] = image
    dialog = st.dialog("Image", width="large", on_dismiss=on_close or (close_image if in_address else "ignore"))
    dialog(_dialog)(data, conditions, by, descending, colours)


def _dialog(data: Dataset, conditions: Filter, by: str, descending: bool, colours: Mapping[str, str]) -> None:
    _detail(data, conditions, by, descending, colours)
    browser_history.write_address("detail")


def _detail(data: Dataset, conditions: Filter, by: str, descending: bool, colours: Mapping[str, str]) -> None:
    row = data.catalog.get(st.session_state[_IMAGE])
    if row is None:
        st.info("This image is not in the catalog any more.", icon=":material/hide_image:")
        return
    _walk(data, conditions, by, descending, row)
    picture, facts = st.columns([6, 5], gap="large")
    with picture:
        _picture(data, row)
    with facts:
        _words(data, row)
        _properties(data, row)
    if row.state == "ok":
        st.markdown("**Similar images**")
        opened = similar(data, row, colours, key="detail-similar")
        if opened is not None:
            st.session_state[_IMAGE] = opened
            st.rerun(scope="fragment")


def _walk(data: Dataset, conditions: Filter, by: str, descending: bool, row: Row) -> None:
    """The image's place among those that match, and the ways to its neighbours."""
    view = data.catalog.view(conditions)
    place = view.place(row.id, by, descending)
    text, ways = st.columns([6, 2.6], vertical_alignment="center")
    name = formatting.literal(formatting.plain(row.class_name or "unlabelled"))
    text.markdown(
        f"**{name}** in {row.split or 'no split'}" + ("" if place is None else f" :gray[{place + 1:,} of {len(view):,}]")
    )

    def move(to: int) -> None:
        st.session_state[_IMAGE] = int(view.page(to + 1, 1, by, descending)[0])

    with ways:
        step_buttons("detail-steps", place, len(view), move)


def _picture(data: Dataset, row: Row) -> None:
    """The whole picture, its place kept before it has loaded; or why it cannot be shown."""
    if row.state not in ("ok", "excluded"):
        st.warning(f"Not used: {formatting.literal(row.reason)}.", icon=":material/report:")
        return
    if not row.file(data.root).is_file():
        st.warning(
            "The file is missing since the last scan. Add the dataset again to update the catalog.", icon=":material/report:"
        )
    spoken = html.escape(formatting.plain(f"{row.class_name or 'unlabelled'}, {row.path}"), quote=True)
    source = html.escape(image_url(data.name, row.id, row.hash), quote=True)
    st.html(
        f'<img src="{source}" alt="{spoken}" width="{row.width}" height="{row.height}" style="display:block;width:100%;'
        f'height:auto;max-height:62vh;object-fit:contain;border-radius:8px">'
    )


def _words(data: Dataset, row: Row) -> None:
    st.markdown(f"{formatting.pixels(row.width, row.height)}, {PROPERTIES['bytes'].format(row.bytes)}")
    st.code(formatting.plain(row.path), language=None, wrap_lines=True)
    if row.edit:
        filed = formatting.literal(formatting.plain(row.original or "unlabelled"))
        st.markdown(f":material/edit: Decided by hand: {formatting.literal(row.edit)}. Its folder says {filed}.")
    copies = data.catalog.copies(row.hash) if row.hash else []
    for other in (copy for copy in copies if copy.id != row.id):
        st.markdown(
            f":material/content_copy: The same file is also {formatting.literal(formatting.plain(other.class_name or 'unlabelled'))} in "
            f"{other.split}: {formatting.literal(formatting.plain(other.path))}"
        )


def _properties(data: Dataset, row: Row) -> None:
    """Each property with the histogram of the image's class, and the image's own place in it."""
    peers = data.catalog.view(Filter(classes=(row.class_name,)) if row.class_name else Filter())
    whose = formatting.literal(formatting.plain(row.class_name)) if row.class_name else "all images"
    said = [
        (name, value, percentile_text(peers.values(name), name, value))
        for name in PROPERTIES
        if (value := value_of(row, name)) is not None
    ]
    said = [entry for entry in said if entry[2]]
    if not said:
        return
    st.caption(f"Where it lies in {whose}, {len(peers):,} images")
    columns = st.columns(_COLUMNS, gap="medium")
    for place, (name, value, where) in enumerate(said):
        bins = peers.histogram(name, _BINS)
        at = int(np.clip(np.searchsorted(bins["high"], value), 0, len(bins) - 1))
        with columns[place % _COLUMNS]:
            st.markdown(f"{PROPERTIES[name].label.capitalize()} **{PROPERTIES[name].format(value)}**  \n:gray[{where}]")
            st.image(histogram_svg(bins["n"].tolist(), at, at + 1), width="stretch")
