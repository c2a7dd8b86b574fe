"""Evidence for a label: the model's probabilities, the nearest images with their labels, and where a run looks."""

import html
from collections.abc import Mapping

import streamlit as st

from dashboard import cache
from dashboard.app import formatting
from dashboard.clean.large_image import thumbnail_strip
from dashboard.clean.review import Review
from engine.core.errors import UserError
from engine.core.number_text import probability
from engine.data.catalog import Row
from engine.data.decoding import ImageError, load_square
from engine.runs.run import Run

_NEAREST, _TOP = 8, 5


def probabilities(review: Review, row: Row) -> Mapping[str, float]:
    """By class, of the model that was trained without this image; empty where it was not judged."""
    return review.audit.probabilities(row.id) if review.audit is not None else {}


def evidence(review: Review, row: Row) -> None:
    """Bars, neighbours, and Grad-CAM on request."""
    result = probabilities(review, row)
    if result:
        st.caption("Probabilities from a model trained without this image")
        st.html(_bars(result, review.colours, row.class_name))
    _neighbours(review, row)
    looks = "Grad-CAM of the run in the header. The label was doubted by another model, the audit's, which was trained without this image."
    if review.run is not None and st.toggle(f"Where {formatting.literal(review.run.id)} looks", key="clean-cam", help=looks):
        cache.warm_up()
        _looks(review, review.run, row)


def _bars(found: Mapping[str, float], colours: Mapping[str, str], label: str | None) -> str:
    """The largest probabilities as bars of plain HTML, that of the present label among them and marked.

    A chart would take longer to draw than the decision to make.
    """
    ranked = sorted(found.items(), key=lambda pair: -pair[1])
    lines = []
    for name, share in [*ranked[:_TOP], *(pair for pair in ranked[_TOP:] if pair[0] == label)]:
        shown = f"<b>{html.escape(formatting.plain(name))}</b> (label)" if name == label else html.escape(formatting.plain(name))
        colour = html.escape(colours.get(name, "#888888"), quote=True)
        lines.append(
            '<div style="display:grid;grid-template-columns:7.5rem 1fr 3rem;gap:8px;align-items:center;line-height:1.5">'
            f'<span style="overflow:hidden;text-overflow:ellipsis;white-space:nowrap">{shown}</span>'
            f'<span style="height:10px;border-radius:5px;background:{colour};width:{max(1.0, 100 * share):.1f}%"></span>'
            f'<span style="text-align:right;font-variant-numeric:tabular-nums">{probability(share)}</span></div>'
        )
    return f'<div style="min-height:{1.5 * min(len(ranked), _TOP + 1):.1f}rem">{"".join(lines)}</div>'


def _neighbours(review: Review, row: Row) -> None:
    index = cache.embedding_index(review.data)
    if index is None:
        return
    try:
        result = cache.find_neighbours(review.data, index, row.id, _NEAREST)
    except UserError as error:
        st.caption(formatting.literal(str(error)))
        return
    rows = review.data.catalog.rows(result["id"].tolist())
    st.caption("The images most like it, with their labels")
    thumbnail_strip(review.data, [(rows[image], rows[image].class_name or "no label") for image in result["id"] if image in rows])


def _looks(review: Review, run: Run, row: Row) -> None:
    try:
        square = load_square(row.file(review.data.root), run.config.image_size)
        [answer] = cache.predict_images(run, (row.file(review.data.root).read_bytes(),), 2)
        best = [(run.classes.index(name), name, share) for name, share in answer.top]
        maps = cache.heatmaps(run, row.hash, square, tuple(place for place, _, _ in best))
    except (UserError, ImageError, OSError) as error:
        st.caption(formatting.literal(str(error)))
        return
    for column, (_, name, share), heat in zip(st.columns(2), best, maps, strict=False):
        picture = cache.import_late("engine.inference.explain.cam").overlay(square, heat, 0.6)
        column.image(picture, caption=f"Evidence for {formatting.literal(name)}, {probability(share)}", width="stretch")
