"""An image that is computed for one person, with a caption below it.

It is part of the page's HTML. As a file of Streamlit's own it would be deleted when the person moves on, and a browser that is a step
behind would report it as missing; Streamlit's toolbar over it leaves a white dot beside it in a dialog, too.
"""

import base64
import html
import io

import numpy as np
import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

_QUALITY = 92  # of the JPEG


def inline_image(square: np.ndarray, caption: str, place: DeltaGenerator | None = None, faint: bool = False) -> None:
    """Draw (height, width, 3) uint8 as wide as its place. The caption is plain text. `faint`: for a placeholder."""
    text = html.escape(caption, quote=True)
    look = "filter:grayscale(1);opacity:0.25;" if faint else ""
    (place or st).html(
        f'<figure style="margin:0"><img src="{_source(square)}" alt="{text}" width="{square.shape[1]}" height="{square.shape[0]}" '
        f'style="display:block;width:100%;height:auto;border-radius:8px;{look}">'
        f'<figcaption style="margin-top:8px;text-align:center;font-size:14px;opacity:0.7">{text}</figcaption></figure>'
    )


def _source(square: np.ndarray) -> str:
    content = io.BytesIO()
    Image.fromarray(square).save(content, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode('ascii')}"
