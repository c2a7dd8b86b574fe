"""Charts as small pieces of SVG for a page without scripts; their colours, for both themes, come from the page's style sheet."""

from collections.abc import Sequence
from html import escape

import numpy as np
import pandas as pd

_WIDTH = 560


def matrix(counts: np.ndarray, classes: Sequence[str]) -> str:
    """A confusion matrix as a table: rows true, columns predicted; errors are tinted by their share of the row."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in classes)
    body = ""
    for i, name in enumerate(classes):
        cells = "".join(
            f'<td class="{"right" if i == j else "wrong"}" style="--share:{shares[i, j]:.3f}">{counts[i, j]:,}</td>'
            for j in range(len(classes))
        )
        body += f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>'
    return f'<div class="wide"><table class="matrix"><tr><td></td>{head}</tr>{body}</table></div>'


def reliability(bins: pd.DataFrame) -> str:
    """The reliability diagram: accuracy against confidence, per bin. bins: `engine.evaluation.calibration.reliability`."""
    parts = [*_axes("confidence", "accuracy"), f'<line class="rule" {_ends((0, 0), (1, 1))}/>']
    for row in bins.to_dict("records"):
        x, y = row["confidence"], row["accuracy"]
        parts.append(f'<line class="span" {_ends((x, row["accuracy_low"]), (x, row["accuracy_high"]))}/>')
        parts.append(f'<circle class="dot" cx="{_x(x):.1f}" cy="{_y(y):.1f}" r="5"><title>{row["n"]:,} images</title></circle>')
    return _svg(_WIDTH, 330, parts)


def coverage(curve: pd.DataFrame) -> str:
    """The accuracy on the answered images against their share. curve: `engine.evaluation.selective.risk_coverage`."""
    # The first images are the most certain ones: a single error among them must not stretch the axis.
    floor = max(0.0, float(curve.loc[curve["coverage"] > 0.02, "accuracy"].min()) - 0.02)
    # About 200 points: a curve of 100,000 images would be megabytes of text.
    shown = curve.iloc[np.unique(np.linspace(0, len(curve) - 1, 200).astype(int))]
    line = " ".join(
        f"{_x(row['coverage']):.1f},{_y((max(row['accuracy'], floor) - floor) / (1 - floor)):.1f}"
        for row in shown.to_dict("records")
    )
    return _svg(
        _WIDTH,
        330,
        [*_axes("share of images answered", "accuracy on answered images", floor), f'<polyline class="curve" points="{line}"/>'],
    )


def _axes(x_title: str, y_title: str, floor: float = 0.0) -> list[str]:
    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts += [
            _text(_x(share), 296, f"{share:.0%}", "middle", "small"),
            f'<line class="grid" {_ends((0, share), (1, share))}/>',
        ]
        parts.append(
            _text(_x(0) - 8, _y(share) + 4, f"{100 * (floor + share * (1 - floor)):.{0 if floor == 0 else 1}f}%", "end", "small")
        )
    return [*parts, _text(_x(0.5), 320, x_title, "middle"), _text(_x(0), 14, y_title, "start")]


def _x(share: float) -> float:
    return 56 + share * (_WIDTH - 76)


def _y(share: float) -> float:
    return 278 - share * 252


def _ends(a: tuple[float, float], b: tuple[float, float]) -> str:
    return f'x1="{_x(a[0]):.1f}" y1="{_y(a[1]):.1f}" x2="{_x(b[0]):.1f}" y2="{_y(b[1]):.1f}"'


def _text(x: float, y: float, text: str, anchor: str, kind: str = "") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    return f'<svg role="img" viewBox="0 0 {width} {height}" style="max-width:{width}px">{"".join(parts)}</svg>'
