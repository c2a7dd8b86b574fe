"""Previous and Next through a list of images, by click and arrow key: each press counts, however many come while an image is drawn.

With Streamlit's own buttons, presses that come during one run of the script are one press: three quick ones moved by two.
"""

from collections.abc import Callable
from pathlib import Path

from streamlit.components.v2 import component

from dashboard.app.component_files import join_modules
from dashboard.components.reports import Channel, channel_data

_FOLDER = Path(__file__).parent
_CSS = (_FOLDER / "step_buttons.css").read_text(encoding="utf-8")
_JS = join_modules(_FOLDER / "step_buttons.js")
# Disabled until the script listens: a press before that would be lost.
_HTML = (
    '<div class="steps">'
    '<button type="button" disabled class="before" aria-keyshortcuts="ArrowLeft">Previous<small aria-hidden="true">←</small></button>'
    '<button type="button" disabled class="after" aria-keyshortcuts="ArrowRight">Next<small aria-hidden="true">→</small></button>'
    "</div>"
)


def step_buttons(key: str, place: int | None, count: int, on_move: Callable[[int], None]) -> None:
    """Draw both. `place`: of the image that is shown, from 0; None where it is not in the list. `on_move` gets the place to show."""
    moves = Channel(key, "moved")

    def handle_move() -> None:
        for target in moves.take():
            if isinstance(target, int) and 0 <= target < count:
                on_move(target)

    mount = component("scenescope_step_buttons", html=_HTML, css=_CSS, js=_JS)
    data = {"place": -1 if place is None else place, "count": count}
    mount(key=key, data=data | channel_data(moves), on_moved_change=handle_move)
