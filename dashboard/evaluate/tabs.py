"""The questions of the page, a tab each. Only the panel of the open tab is computed."""

from collections.abc import Callable

from dashboard.components.scored import Scored
from dashboard.evaluate.class_pairs_tab import why_these_two
from dashboard.evaluate.confusion_tab import what_does_it_confuse
from dashboard.evaluate.dynamics_tab import when_did_it_learn
from dashboard.evaluate.robustness_tab import what_breaks_it
from dashboard.evaluate.slices_tab import where_is_it_weak
from dashboard.evaluate.trust_tab import can_i_believe_it

Panel = Callable[[Scored], None]

QUESTIONS: dict[str, tuple[str, Panel]] = {
    "errors": ("Confusion matrix", what_does_it_confuse),
    "pairs": ("Class pairs", why_these_two),
    "trust": ("Trust and calibration", can_i_believe_it),
    "slices": ("Slices", where_is_it_weak),
    "learnt": ("Training dynamics", when_did_it_learn),
    "breaks": ("Robustness", what_breaks_it),
}
