"""A plotly figure that is redrawn in place: at each poll the lines move on, and nothing blinks.

`st.plotly_chart` makes its element's identity from the figure's content. A chart with one more point is another element there:
the old one is taken from the page, and the place is blank until the new one has been drawn.
"""

from pathlib import Path
from typing import Any

import plotly
import plotly.graph_objects as go
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route
from streamlit.components.v2 import component

from dashboard.app.component_files import join_modules
from dashboard.charts.figure import INK

_FOLDER = Path(__file__).parent
_JS = join_modules(_FOLDER / "live_chart.js")
# plotly.js as the Python package carries it: the copy in Streamlit's own bundle cannot be reached from a component.
_LIBRARY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
_SOURCE = f"/plotly-{plotly.__version__}.js"
_YEAR = "public, max-age=31536000, immutable"


def live_chart(figure: go.Figure, key: str, label: str) -> None:
    """Draw the figure; the next one of the same key takes its place. `label`: what a screen reader calls it."""
    # A copy: the caller's figure may be cached. Its template is plotly's default, 6 kB of colours that no chart here uses.
    figure = go.Figure(figure).update_layout(template="none")
    layout: Any = figure.layout  # plotly publishes no types
    data = {"figure": figure.to_json(), "height": layout.height, "ink": INK, "source": _SOURCE, "label": label}
    mount = component("scenescope_live_chart", html="<div class='plot' role='img'></div>", js=_JS, isolate_styles=False)
    mount(key=key, data=data, height=int(layout.height))


def _library(request: Request) -> FileResponse:
    return FileResponse(_LIBRARY, media_type="text/javascript", headers={"Cache-Control": _YEAR})


ROUTES = [Route(_SOURCE, _library, name="plotly")]
