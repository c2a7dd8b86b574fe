"""Documents from templates. Every value in them is untrusted text, and is escaped where it is written."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from engine.core import number_text
from engine.core.estimate import Estimate, Unit
from engine.core.text_output import plain, utc_date
from engine.evaluation.trust import QUESTIONS
from engine.export.report.data import ReportData
from engine.runs.score_text import macro_f1

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).parent / "templates"
# What Markdown interprets inside a line, and what GitHub makes of formulas and addresses.
_INLINE = re.compile(r"([\\`*_\[\]<>#|~$&@]|:(?=//)|(?<=\bwww)\.)")
_LINE_START = re.compile(r"^(\d*)([-+=.)])(?=[-=\s]|$)")  # lists, rules, underlines of headings


def page(data: ReportData) -> str:
    """The report as one HTML file: no scripts, nothing loaded from elsewhere."""
    return render("report.html", data=data, questions=QUESTIONS)


def card(data: ReportData) -> str:
    """The model card: what somebody who receives the model should know (Mitchell et al. 2019, "Model cards for model reporting")."""
    return render("model-card.md", data=data)


def render(template: str, **values: object) -> str:
    """The text of a template of `templates/`, with every value escaped for HTML or for Markdown."""
    return _environment(plain if template.endswith(".html") else escape_markdown).get_template(template).render(values)


def escape_markdown(value: object) -> str:
    """Text that reads as the value does, on one line, wherever Markdown is rendered."""
    return _LINE_START.sub(r"\1\\\2", _INLINE.sub(r"\\\1", plain(value)))


def code_span(value: object) -> str:
    """The value as code in Markdown. The fence is longer than any run of backticks inside: there are no escapes in code."""
    text = plain(value)
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    return f"{fence} {text} {fence}" if "`" in text else f"{fence}{text}{fence}"


@cache
def _environment(escape: Callable[[object], str]) -> "Environment":
    """The templates with `escape` applied to every value that they write, unless it is markup that a template made.

    Jinja escapes for HTML after that; Markdown must not be escaped twice, so its text counts as markup.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # not at the top: pages open without it
    from markupsafe import Markup

    def finalize(value: object) -> object:
        if hasattr(value, "__html__"):
            return value
        return escape(value) if escape is plain else Markup(escape(value))

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= _FILTERS
    if escape is escape_markdown:
        environment.filters["code"] = lambda value: Markup(code_span(value))
    return environment


def _estimate(score: Mapping[str, float], unit: Unit = "") -> str:
    return Estimate(**score).text(unit)


_FILTERS: dict[str, Callable[..., str]] = {
    "decimal": number_text.decimal,
    "estimate": _estimate,
    "macro_f1": macro_f1,
    "percent": number_text.percent,
    "row_estimate": lambda row, name: str(Estimate.from_row(row, name)),
    "thousands": number_text.count,
    "utc_date": utc_date,
    "x": lambda share: f"{56 + share * 484:.1f}",  # places in a chart of 560 by 330
    "y": lambda share: f"{278 - share * 252:.1f}",
}
