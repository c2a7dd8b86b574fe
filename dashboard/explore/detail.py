"""One image in detail: the whole image, its properties compared with its class, its copies; arrow keys step to the next image."""

import html
from collections.abc import Callable, Mapping

import numpy as np
import streamlit as st

from dashboard.app import browser_history, formatting
from dashboard.app.image_urls import image_url
from dashboard.app.open_image import close_image, is_new_opening
from dashboard.charts.dataset import image_count
from dashboard.charts.histogram import histogram_svg
from dashboard.components.similar_images import similar_images
from dashboard.components.step_buttons import step_buttons
from dashboard.explore.facts import percentile_text, property_value
from dashboard.explore.query import Order
from engine.data.catalog import Row
from engine.data.datasets import Dataset
from engine.data.filters import Filter
from engine.data.properties import PROPERTIES

_IMAGE = "detail-image"
_BINS = 36
_COLUMNS = 2


def open_detail(
    data: Dataset, conditions: Filter, order: Order, image: int, colours: Mapping[str, str],
    on_close: Callable[[], None] | None = None, in_address: bool = False,
) -> None:  # fmt: skip
    """Open the dialog on an image; the arrow keys step through the images that match, in the gallery's order.

    `on_close` is called when the person closes it, before the page is redrawn. `in_address`: the address says that it is open, so
    the page calls this at each run until it is closed, and an image that the person stepped to meanwhile stays.
    """
    if not in_address or is_new_opening("detail"):
        st.session_state[_IMAGE] = image
    dialog = st.dialog("Image", width="large", on_dismiss=on_close or (close_image if in_address else "ignore"))
    dialog(_dialog)(data, conditions, order, colours)


def _dialog(data: Dataset, conditions: Filter, order: Order, colours: Mapping[str, str]) -> None:
    _detail(data, conditions, order, colours)
    browser_history.write_address("detail")


def _detail(data: Dataset, conditions: Filter, order: Order, colours: Mapping[str, str]) -> None:
    row = data.catalog.get(st.session_state[_IMAGE])
    if row is None:
        st.info("This image is no longer in the catalog.", icon=":material/hide_image:")
        return
    _heading(data, conditions, order, row)
    left, right = st.columns([6, 5], gap="large")
    with left:
        _image(data, row)
    with right:
        _file(data, row)
        _properties(data, row)
    if row.state == "ok":
        st.markdown("**Similar images**")
        opened = similar_images(data, row, colours, key="detail-similar")
        if opened is not None:
            st.session_state[_IMAGE] = opened
            st.rerun(scope="fragment")  # everything above is already drawn with the previous image


def _heading(data: Dataset, conditions: Filter, order: Order, row: Row) -> None:
    """Draw the image's class and its place among those that match, and the buttons to its neighbours."""
    view = data.catalog.view(conditions)
    place = view.place(row.id, order.name, order.descending)
    text, buttons = st.columns([6, 2.6], vertical_alignment="center")
    name = formatting.literal(formatting.plain(row.class_name or "unlabelled"))
    text.markdown(
        f"**{name}** in {row.split or 'no split'}" + ("" if place is None else f" :gray[{place + 1:,} of {len(view):,}]")
    )

    def move(to: int) -> None:
        st.session_state[_IMAGE] = int(view.page(to + 1, 1, order.name, order.descending)[0])

    with buttons:
        step_buttons("detail-steps", place, len(view), move)


def _image(data: Dataset, row: Row) -> None:
    """Draw the whole image, with its space reserved before it has loaded; or why it cannot be shown."""
    if row.state not in ("ok", "excluded"):
        st.warning(f"Not used: {formatting.literal(row.reason)}.", icon=":material/report:")
        return
    if not row.file(data.root).is_file():
        st.warning(
            "The file is missing since the last scan. Add the dataset again to update the catalog.", icon=":material/report:"
        )
    alt = html.escape(formatting.plain(f"{row.class_name or 'unlabelled'}, {row.path}"), quote=True)
    source = html.escape(image_url(data.name, row.id, row.hash), quote=True)
    st.html(
        f'<img src="{source}" alt="{alt}" width="{row.width}" height="{row.height}" style="display:block;width:100%;'
        f'height:auto;max-height:62vh;object-fit:contain;border-radius:8px">'
    )


def _file(data: Dataset, row: Row) -> None:
    """Draw size and path, the label edit, and where else the same file lies."""
    st.markdown(f"{formatting.pixels(row.width, row.height)}, {PROPERTIES['bytes'].format(row.bytes)}")
    st.code(formatting.plain(row.path), language=None, wrap_lines=True)
    if row.edit:
        original = formatting.literal(formatting.plain(row.original or "unlabelled"))
        st.markdown(f":material/edit: Edited by hand: {formatting.literal(row.edit)}. Its folder says {original}.")
    copies = data.catalog.copies(row.hash) if row.hash else []
    for other in (copy for copy in copies if copy.id != row.id):
        st.markdown(
            f":material/content_copy: The same file is also {formatting.literal(formatting.plain(other.class_name or 'unlabelled'))} in "
            f"{other.split}: {formatting.literal(formatting.plain(other.path))}"
        )


def _properties(data: Dataset, row: Row) -> None:
    """Draw each property as a histogram of the image's class in which the image's own bin is marked."""
    peers = data.catalog.view(Filter(classes=(row.class_name,)) if row.class_name else Filter())
    group = formatting.literal(formatting.plain(row.class_name)) if row.class_name else "all images"
    values = {name: value for name in PROPERTIES if (value := property_value(row, name)) is not None}
    texts = {name: text for name, value in values.items() if (text := percentile_text(peers.values(name), name, value))}
    if not texts:
        return
    st.caption(f"Compared with {group} ({image_count(len(peers))})")
    columns = st.columns(_COLUMNS, gap="medium")
    for place, (name, text) in enumerate(texts.items()):
        bins = peers.histogram(name, _BINS)
        own = int(np.clip(np.searchsorted(bins["high"], values[name]), 0, len(bins) - 1))
        with columns[place % _COLUMNS]:
            st.markdown(f"{PROPERTIES[name].label.capitalize()} **{PROPERTIES[name].format(values[name])}**  \n:gray[{text}]")
            st.image(histogram_svg(bins["n"].tolist(), own, own + 1), width="stretch")
