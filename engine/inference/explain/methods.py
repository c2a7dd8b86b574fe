"""The methods of class activation maps, and what each one shows. No torch here: pages and the command line list them."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.core.errors import UserError

DEFAULT = "grad-cam"


@dataclass(frozen=True)
class Method:
    """One way to weigh the feature map.

    `scale`: what its colours mean. `by_class`: whether another class has another map. `forwards`: whether it asks the network
    once for every channel of the feature map, instead of once.
    """

    name: str
    label: str
    scale: str
    source: str
    by_class: bool = True
    forwards: bool = False


_ONE_SCALE = "Both maps share one scale."
_ENTRIES = (
    Method(
        DEFAULT, "Grad-CAM",
        f"How much the features at each position raise the class's score, each channel weighted by its mean gradient. {_ONE_SCALE}",
        "Selvaraju et al. 2017",
    ),
    Method(
        "grad-cam++", "Grad-CAM++",
        f"As Grad-CAM, with more weight for the places at which a channel raises the score: better where a class is seen several "
        f"times. {_ONE_SCALE}",
        "Chattopadhay et al. 2018",
    ),
    Method(
        "layer-cam", "LayerCAM",
        f"Features times their own gradient at each position, where positive: finer than Grad-CAM. {_ONE_SCALE}",
        "Jiang et al. 2021",
    ),
    Method(
        "eigen-cam", "EigenCAM",
        "The main pattern of the features, whatever the class: it says where the network sees something, not what speaks for a "
        "class. Full colour is its strongest place.",
        "Muhammad and Yeasin 2020", by_class=False,
    ),
    Method(
        "score-cam", "ScoreCAM",
        f"Channels weighted by the class's score for the image with everything else dimmed; no gradients. {_ONE_SCALE}",
        "Wang et al. 2020", forwards=True,
    ),
)  # fmt: skip
METHODS: Mapping[str, Method] = {entry.name: entry for entry in _ENTRIES}


def find_method(name: str) -> Method:
    """The method of this name. Raises UserError."""
    if name not in METHODS:
        raise UserError(f"There is no method {name!r}.", f"Choose one of: {', '.join(METHODS)}.")
    return METHODS[name]
