"""The gallery of the Explore page: the images that match, sorted, captioned, in pages; the selection; one image in detail."""

import streamlit as st

from dashboard.app import open_image, url_state
from dashboard.app.open_image import OPEN
from dashboard.app.page_part import page_part
from dashboard.app.paging import page_count, page_slice
from dashboard.app.parameters import PAGE
from dashboard.app.url_state import Parameter
from dashboard.app.widgets import bind_value, popover
from dashboard.components.gallery import NOTES, SIZES, GridSelection, gallery
from dashboard.components.similar_images import NEAREST_OF
from dashboard.explore.detail import open_detail
from dashboard.explore.empty import nothing_matches
from dashboard.explore.facts import CAPTIONS, image_tile
from dashboard.explore.query import Order, Query
from dashboard.explore.selected import selection_menu
from engine.core.address import Choice, Items
from engine.data.catalog_view import View
from engine.data.datasets import Dataset
from engine.data.properties import PROPERTIES

_PAGE_SIZE = 60
KEY = "explore"
_MIXED = "mixed"
_ORDERS = {_MIXED: "Shuffled", "path": "Path, A to Z", "path-": "Path, Z to A"} | {
    f"{name}{sign}": f"{prop.label.capitalize()}, {first} first"
    for name, prop in PROPERTIES.items()
    for sign, first in (("", "low"), ("-", "high"))
}
_ORDER = Parameter("order", Choice(tuple(_ORDERS)), _MIXED)
_SIZE = Parameter("size", Choice(SIZES), "M")
_CAPTIONS = Parameter("captions", Items(Choice(tuple(CAPTIONS)), most=NOTES, lenient=True, none="none"), ("file",))


@page_part(PAGE, _ORDER, _SIZE, _CAPTIONS, NEAREST_OF, OPEN)
def images_panel(query: Query) -> None:
    """Draw the gallery with its controls. A fragment: turning a page redraws nothing else."""
    data, conditions = query.data, query.conditions
    view = data.catalog.view(conditions)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="gallery-controls"):
        order = _choose_order()
        captions = _choose_captions()
        size = url_state.choose(st.segmented_control, "Size", _SIZE, label_visibility="collapsed")
        selection_menu(data, conditions, order, GridSelection(KEY))
    number = _page_number(len(view), f"{data.name}-{conditions.to_text()}-{order.name}-{order.descending}")
    if not len(view):
        nothing_matches(query)
        return
    ids = page_ids(view, number, order)
    rows = data.catalog.rows(ids)
    first = page_slice(number, len(view), _PAGE_SIZE).start + 1
    picked = gallery(
        [image_tile(data, rows[image], query.colours, captions) for image in ids if image in rows], key=KEY, size=size, select="many",
        scope=data.name, label=f"Images {first:,} to {first + len(ids) - 1:,} of {len(view):,}",
    )  # fmt: skip
    if picked.opened is not None and picked.opened in rows:
        open_image.write_open_image(KEY, picked.opened, rows[picked.opened].hash)
    if (image := _read_open_image(data)) is not None:
        open_detail(data, conditions, order, image, query.colours, in_address=True)


def _read_open_image(data: Dataset) -> int | None:
    """The image that is open according to the address; one that is no longer in the catalog is removed from the address."""
    reference = open_image.read_open_image(KEY)
    if reference is None:
        return None
    image, beginning = reference
    row = data.catalog.get(image)
    if row is None or not open_image.is_content(row.hash, beginning):
        open_image.close_image()
        return None
    return image


def page_ids(view: View, number: int, order: Order) -> list[int]:
    """The images on a page, in their order."""
    place = page_slice(number, len(view), _PAGE_SIZE)
    ids = view.page(number, _PAGE_SIZE, order.name, order.descending).tolist()
    if place.stop > place.start + _PAGE_SIZE:  # the last page takes the few that remain
        ids += view.page(number + 1, _PAGE_SIZE, order.name, order.descending).tolist()
    return ids


def _page_number(n: int, query_key: str) -> int:
    """Draw the page turner for `n` images; the page. Another `query_key` begins at the first page."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="turner"):
        pages = page_count(n, _PAGE_SIZE)
        number = url_state.choose_page(pages, query_key, PAGE)
        if pages > 1:
            place = page_slice(number, n, _PAGE_SIZE)
            st.caption(f"{place.start + 1:,} to {place.stop:,} of {n:,}", width="content")
    return number


def _choose_order() -> Order:
    order = url_state.choose(
        st.selectbox, "Sort by", _ORDER, format_func=_ORDERS.__getitem__, width=230,
        label_visibility="collapsed",
    )  # fmt: skip
    return Order(name="id" if order == _MIXED else order.removesuffix("-"), descending=order.endswith("-"))


def _choose_captions() -> tuple[str, ...]:
    """The names of the captions under each image, besides its class, kept in the URL."""
    captions = list(_CAPTIONS.read())
    panel = popover("Captions", "captions-panel", icon=":material/label:")
    if panel.open:
        binding = bind_value("caption-lines", captions)

        def store_captions(captions: list[str]) -> None:
            _CAPTIONS.write(tuple(captions[-NOTES:]))

        with panel:
            st.pills(
                f"Captions under each image, up to {NOTES}", list(CAPTIONS), default=binding.initial, selection_mode="multi",
                key=binding.key, format_func=CAPTIONS.__getitem__, on_change=binding.on_change(store_captions),
            )  # fmt: skip
    return tuple(captions)
