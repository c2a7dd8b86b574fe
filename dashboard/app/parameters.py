"""The parameters of the address that several pages share. A parameter of one page is a constant of the module that draws it."""

from dashboard.app.map_selection import Pick, parse_pick
from dashboard.app.url_state import Parameter, page_parameter
from engine.core.address import Choice, Codec, OrNone, Text
from engine.data.filters import Filter
from engine.runs.presets import PRESETS

DATASET = Parameter("dataset", Text(), "")
RUN = Parameter("run", Text(), "")
PAGE = page_parameter("page")

FILTER = Parameter("filter", Codec(Filter.to_text, lambda text: Filter.from_text(text)[0]), Filter())
AREA: Parameter[Pick | None] = Parameter("area", OrNone(Codec(Pick.to_text, parse_pick)), None)

PRESET = Parameter("preset", Choice(tuple(PRESETS)), "")
LIKE = Parameter("like", Text(), "")  # the run whose options the Train form starts from
VIEW = Parameter("show", Choice(("new", "run")), "")  # of Train

REVIEW = Parameter("clean", Choice(("one", "many", "helped", "decided")), "one")  # the view of Clean
KIND = Parameter("kind", Text(), "")  # of findings
FINDING = Parameter("finding", Text(), "")

# Addresses of older versions name a class of Explore, and a cell of the matrix by its classes.
OLD_CLASS, OLD_TRUE, OLD_PREDICTED, OLD_BOTH = (Parameter(name, Text(), "") for name in ("class", "true", "predicted", "both"))
