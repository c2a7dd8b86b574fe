"""The questions of the page, a panel each, beside the pictures from which they are answered."""

from collections.abc import Callable

from dashboard.explore.counts_tab import what_is_there
from dashboard.explore.drift_tab import do_splits_differ
from dashboard.explore.map_tab import what_is_alike
from dashboard.explore.properties_tab import how_does_it_look
from dashboard.explore.query import Asked

Panel = Callable[[Asked], None]

QUESTIONS: dict[str, tuple[str, Panel]] = {
    "there": ("Counts and sizes", what_is_there),
    "look": ("Properties", how_does_it_look),
    "differ": ("Train vs test", do_splits_differ),
    "alike": ("Similarity map", what_is_alike),
}
