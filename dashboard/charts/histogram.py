"""The small histogram above a slider, as SVG, of which a browser shows dozens without effort. Numbers in, text out."""

from collections.abc import Sequence

from dashboard.charts.palette import ACCENT, NEUTRAL

_WIDTH, _HEIGHT = 320, 44
_MARGIN = 0.033 * _WIDTH  # a slider's track begins half a thumb inside its element
_LEAST = 1.5  # the least height of a bin that is not empty: one image among a million still shows


def histogram_svg(counts: Sequence[int], low: int = 0, high: int | None = None) -> str:
    """Return bars of `counts`; those from bin `low` up to but not including bin `high` in the accent colour, the others grey."""
    high = len(counts) if high is None else high
    tallest, step = max([*counts, 1]), _WIDTH / max(len(counts), 1)
    bars = [
        f'<rect x="{place * step + 0.4:.2f}" y="{_HEIGHT - height:.2f}" width="{step - 0.8:.2f}" height="{height:.2f}" '
        f'fill="{ACCENT if low <= place < high else NEUTRAL}" fill-opacity="{0.9 if low <= place < high else 0.4}"/>'
        for place, count in enumerate(counts)
        if (height := max(_LEAST, (_HEIGHT - 2) * count / tallest) if count else 0)
    ]
    box = f'viewBox="{-_MARGIN:.1f} 0 {_WIDTH + 2 * _MARGIN:.1f} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box} preserveAspectRatio="none">{"".join(bars)}</svg>'
