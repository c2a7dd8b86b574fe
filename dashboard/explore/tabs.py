"""The tabs of the page, one panel each, beside the gallery of the images they describe."""

from collections.abc import Callable

from dashboard.app.url_state import Parameter
from dashboard.explore.counts_tab import counts_panel
from dashboard.explore.drift_tab import drift_panel
from dashboard.explore.map_tab import map_panel
from dashboard.explore.properties_tab import properties_panel
from dashboard.explore.query import Query
from engine.core.address import Choice

Panel = Callable[[Query], None]

TABS: dict[str, tuple[str, Panel]] = {
    "there": ("Counts and sizes", counts_panel),
    "look": ("Properties", properties_panel),
    "differ": ("Train vs test", drift_panel),
    "alike": ("Similarity map", map_panel),
}
TAB = Parameter("question", Choice(tuple(TABS)), "there")
