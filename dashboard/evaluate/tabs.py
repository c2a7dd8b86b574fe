"""The tabs of Evaluate. Only the open one is computed."""

from collections.abc import Callable

from dashboard.app.url_state import Parameter
from dashboard.components.scored_run import ScoredRun
from dashboard.evaluate.class_pairs_tab import class_pairs_tab
from dashboard.evaluate.confusion_tab import confusion_tab
from dashboard.evaluate.dynamics_tab import dynamics_tab
from dashboard.evaluate.robustness_tab import robustness_tab
from dashboard.evaluate.slices_tab import slices_tab
from dashboard.evaluate.trust_tab import trust_tab
from engine.core.address import Choice

Panel = Callable[[ScoredRun], None]

# The names are values in addresses and stay when a title changes.
TABS: dict[str, tuple[str, Panel]] = {
    "errors": ("Confusion matrix", confusion_tab),
    "pairs": ("Class pairs", class_pairs_tab),
    "trust": ("Trust and calibration", trust_tab),
    "slices": ("Slices", slices_tab),
    "learnt": ("Training dynamics", dynamics_tab),
    "breaks": ("Robustness", robustness_tab),
}
TAB = Parameter("ask", Choice(tuple(TABS)), "errors")
