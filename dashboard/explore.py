"""The pieces of the Explore page: the gallery with its filters, one image in detail, files that were put aside."""

from collections.abc import Mapping

import streamlit as st

from dashboard import url, words
from dashboard.gallery import SIZES, Tile, gallery
from dashboard.server import image_url, thumbnail_url
from engine.data.catalog import Row
from engine.data.datasets import Dataset
from engine.data.filters import Filter
from engine.data.layouts import SPLITS

PAGE = 60
_ANY = "all"


def problems(data: Dataset) -> None:
    """Files that are not used, with the reason of each."""
    found = data.catalog.problems()
    if not len(found):
        return
    said = "file is not used" if len(found) == 1 else "files are not used"
    with st.expander(f"{len(found):,} {said}", icon=":material/report:"):
        st.dataframe(found[["path", "reason"]], hide_index=True, width="stretch")


def browser(data: Dataset, colours: Mapping[str, str]) -> None:
    """The pictures, filtered and paged; a click opens one."""
    split, class_name, text, size = _filters(data)
    catalog = data.catalog
    wanted = Filter((split,) if split else (), (class_name,) if class_name else (), text=text)
    n = catalog.count(wanted)
    count, turner = st.columns([2, 3], vertical_alignment="center")
    count.markdown(f"**{n:,}** {'image matches' if n == 1 else 'images match'}")
    with turner.container(horizontal_alignment="right"):
        number = url.turn(-(-n // PAGE), f"{data.name}-{split}-{class_name}-{text}")
    rows = catalog.page(wanted, number, PAGE)
    opened = gallery(
        [_tile(data, row, colours) for row in rows], key="explore", size=size, empty="No image matches these filters.",
    ).opened  # fmt: skip
    if opened is not None:
        _detail(data, opened)


def _filters(data: Dataset) -> tuple[str | None, str | None, str, str]:
    split_column, class_column, text_column, size_column = st.columns([2, 2, 3, 1.4], vertical_alignment="bottom")
    split = url.choose(split_column.selectbox, "Split", [_ANY, *SPLITS], "split_filter")
    class_name = url.choose(class_column.selectbox, "Class", ["", *data.classes], "class", format_func=lambda name: name or _ANY)
    text = text_column.text_input("Text in the path", key="path", placeholder="part of a file name", bind="query-params")
    size = url.choose(size_column.segmented_control, "Size", list(SIZES), "size", "M")
    return None if split == _ANY else split, class_name or None, text.strip(), size


def _tile(data: Dataset, row: Row, colours: Mapping[str, str]) -> Tile:
    name = row.class_name or "unlabelled"
    return Tile(
        id=row.id,
        src=thumbnail_url(data.name, row.id, row.hash),
        caption=name,
        notes=[row.path.rpartition("/")[2]],
        colour=colours.get(row.class_name),
        alt=f"{name}, {row.path}",
    )


@st.dialog("Image", width="large")
def _detail(data: Dataset, image_id: int) -> None:
    row = data.catalog.get(image_id)
    if row is None:
        st.info("This image is not in the catalog any more.")
        return
    picture, facts = st.columns([3, 2], gap="large")
    with picture:
        gallery(
            [Tile(id=row.id, src=image_url(data.name, row.id, row.hash), caption=row.path, alt=f"{row.class_name}, {row.path}")],
            key=f"detail-{row.id}", size="L",
        )  # fmt: skip
    with facts:
        st.markdown(f"**{words.literal(row.class_name or 'unlabelled')}** in {row.split}")
        st.markdown(f"{words.pixels(row.width, row.height)}, {row.bytes / 1024:,.0f} KB")
        st.caption("Path")
        st.code(row.path, language=None, wrap_lines=True)
        st.caption("Content")
        st.code(row.hash, language=None, wrap_lines=True)
