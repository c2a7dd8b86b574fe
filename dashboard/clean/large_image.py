"""A large image whose space is reserved before it has loaded, and the next one loaded ahead. Names are untrusted, so they are escaped."""

import html
from collections.abc import Sequence

import streamlit as st

from dashboard.app import formatting
from dashboard.app.image_urls import image_url, thumbnail_url
from engine.data.catalog import Row
from engine.data.datasets import Dataset

_EDGE = 480  # pixels up to which small images are enlarged; larger ones are shown at up to three times their size


def large_image(data: Dataset, row: Row, height: str = "52vh") -> None:
    """Draw the whole image as large as the space allows, or why it cannot be shown."""
    if not row.file(data.root).is_file():
        st.warning(
            "The file is missing since the last scan. Add the dataset again to update the catalog.", icon=":material/report:"
        )
        return
    alt = html.escape(formatting.plain(f"{row.class_name or 'unlabelled'}, {row.path}"), quote=True)
    source = html.escape(image_url(data.name, row.id, row.hash), quote=True)
    ratio = (row.width or 1) / (row.height or 1)
    st.html(
        f'<img src="{source}" alt="{alt}" width="{row.width}" height="{row.height}" '
        f'style="display:block;margin:0 auto;width:min(100%, calc({height} * {ratio:.4f}), {max(_EDGE, 3 * (row.width or 0))}px);'
        f'height:auto;aspect-ratio:{ratio:.4f};border-radius:8px">'
    )


def preload(data: Dataset, rows: Sequence[Row]) -> None:
    """Let the browser load the next images out of sight, so that they are there as soon as this one is decided."""
    sources = [html.escape(image_url(data.name, row.id, row.hash), quote=True) for row in rows if row.hash]
    images = "".join(f'<img src="{source}" alt="" width="1" height="1" style="display:block">' for source in sources)
    st.html(f'<div aria-hidden="true" style="position:absolute;width:1px;height:1px;overflow:hidden;opacity:0">{images}</div>')


def thumbnail_strip(data: Dataset, rows: Sequence[tuple[Row, str]]) -> None:
    """Draw thumbnails in a row, each with a line of text under it."""
    cells = []
    for row, line in rows:
        source = html.escape(thumbnail_url(data.name, row.id, row.hash), quote=True)
        alt = html.escape(formatting.plain(f"{row.class_name or 'unlabelled'}, {row.path}"), quote=True)
        cells.append(
            f'<figure style="margin:0;flex:0 0 96px"><img src="{source}" alt="{alt}" title="{alt}" width="96" height="96" '
            'style="display:block;width:96px;height:96px;object-fit:cover;border-radius:6px">'
            f'<figcaption style="font-size:0.8rem;overflow-wrap:anywhere">{html.escape(formatting.plain(line))}</figcaption></figure>'
        )
    st.html(f'<div style="display:flex;gap:8px;flex-wrap:wrap;min-height:132px">{"".join(cells)}</div>')
