"""Evidence for a label: the model's probabilities, the nearest images with their labels, and a run's heatmaps."""

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
from engine.data.decoding import ImageError
from engine.runs.run import Run

_NEAREST, _TOP = 8, 5


def probabilities(review: Review, row: Row) -> Mapping[str, float]:
    """By class, the probability that the audit's model, trained without this image, gives; empty where there is none."""
    return review.audit.probabilities(row.id) if review.audit is not None else {}


def evidence(review: Review, row: Row) -> None:
    """Draw probability bars, neighbours, and Grad-CAM on request."""
    by_class = probabilities(review, row)
    if by_class:
        st.caption("Probabilities from a model trained without this image")
        st.html(_bars(by_class, review.colours, row.class_name))
    _neighbours(review, row)
    cam_help = "Grad-CAM of the run in the header. The label was doubted by a different model, the audit's, which was trained without this image."
    if review.run is not None and st.toggle(
        f"Grad-CAM: where {formatting.literal(review.run.id)} looks", key="clean-cam", help=cam_help
    ):
        cache.warm_up()
        _heatmaps(review, review.run, row)


def _bars(by_class: Mapping[str, float], colours: Mapping[str, str], label: str | None) -> str:
    """The largest probabilities as bars in plain HTML; that of the present label is always included, and marked.

    Not a plotly figure, which would take longer to draw than a person takes to decide.
    """
    ranked = sorted(by_class.items(), key=lambda pair: -pair[1])
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
        nearest = cache.find_neighbours(review.data, index, row.id, _NEAREST)
    except UserError as error:
        st.caption(formatting.literal(str(error)))
        return
    rows = review.data.catalog.rows(nearest["id"].tolist())
    st.caption("The most similar images, with their labels")
    thumbnail_strip(
        review.data, [(rows[image], rows[image].class_name or "no label") for image in nearest["id"] if image in rows]
    )


def _heatmaps(review: Review, run: Run, row: Row) -> None:
    """Draw where the run finds evidence for each of its two most probable classes."""
    try:
        [prediction] = cache.predict_images(run, (row.file(review.data.root).read_bytes(),))
        if prediction.error:
            raise ImageError(prediction.error)
        maps = cache.heatmaps(
            run, row.hash or "", prediction.square, tuple(run.classes.index(one.name) for one in prediction.top(2))
        )
    except (UserError, ImageError, OSError) as error:
        st.caption(formatting.literal(str(error)))
        return
    with cache.IMPORT_LOCK:
        from engine.inference.explain.cam import overlay
    for column, (name, share), heat in zip(st.columns(2), prediction.top(2), maps, strict=False):
        column.image(
            overlay(prediction.square, heat, 0.6),
            caption=f"Evidence for {formatting.literal(name)}, {probability(share)}",
            width="stretch",
        )
