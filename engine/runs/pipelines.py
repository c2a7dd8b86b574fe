"""Augmentation pipelines as data: what is done to an image, how often, how strongly. `engine.models.augment` does it.

A pipeline is a list of steps. It travels as a short text, in a run's configuration, in an address and on the command line
(`flip@0.5/crop:smallest=0.5` is a flip half of the time and always a crop), and is shared as a JSON file.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine.core.errors import UserError
from engine.core.files import remove, write_json
from engine.core.paths import home
from engine.runs.transforms import TRANSFORMS, Transform

NONE = "none"
MAXIMUM_STEPS = 20
_NAME = re.compile(r"[\w-][\w .-]{0,39}")
_TEXT = re.compile(rf"(?:(?P<name>{_NAME.pattern})=)?(?P<steps>[^=:@/]*(?:[:@/].*)?)", re.DOTALL)
_FORMAT = "scenescope pipeline"


@dataclass(frozen=True)
class PipelineStep:
    """One transform, by its name in `TRANSFORMS`. `values` holds all of its strengths; those that are left out get their defaults."""

    transform: str
    probability: float = 1.0
    values: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = _find_transform(self.transform)
        for name in self.values:
            if name not in known.strengths:
                names = ", ".join(known.strengths) or "it has none"
                raise UserError(f"The transform {self.transform} has no strength {name!r}.", f"Its strengths: {names}.")
        _check_bounds(f"The probability of {self.transform}", self.probability, 0.0, 1.0)
        values = {name: self.values.get(name, strength.default) for name, strength in known.strengths.items()}
        for name, value in values.items():
            strength = known.strengths[name]
            _check_bounds(f"{name} of {self.transform}", value, strength.minimum, strength.maximum)
        if known.ordered and values[known.ordered[0]] > values[known.ordered[1]]:
            low, high = known.ordered
            raise UserError(f"{low} of {self.transform} is above its {high}.", "Swap the two.")
        object.__setattr__(self, "values", values)  # the dataclass is frozen

    @property
    def kind(self) -> Transform:
        return TRANSFORMS[self.transform]

    @property
    def text(self) -> str:
        probability = "" if self.probability == 1 else f"@{self.probability:g}"
        values = ",".join(f"{name}={value:g}" for name, value in self.values.items())
        return f"{self.transform}{probability}" + (f":{values}" if values else "")

    def stronger(self, factor: float) -> "PipelineStep":
        """The step with each strength `factor` times as far from where it changes nothing, within its bounds."""
        return replace(self, values={name: s.scaled(self.values[name], factor) for name, s in self.kind.strengths.items()})


@dataclass(frozen=True)
class Pipeline:
    """Steps that are applied one after the other. The name is for people; the steps alone decide what is done."""

    steps: tuple[PipelineStep, ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        if len(self.steps) > MAXIMUM_STEPS:
            raise UserError(f"The pipeline has {len(self.steps)} steps.", f"It may have {MAXIMUM_STEPS}.")
        if self.name and not _NAME.fullmatch(self.name):
            raise UserError(
                f"{self.name!r} is not a valid name for a pipeline.",
                "Use up to 40 letters, digits, spaces, dots, - and _; begin with a letter.",
            )

    @property
    def recipe(self) -> str:
        """The steps as text, without the name."""
        return "/".join(step.text for step in self.steps) or NONE

    @property
    def text(self) -> str:
        """The text that `parse_pipeline` reads: the name alone for a built-in pipeline."""
        if BUILT_IN.get(self.name) == self:
            return self.name
        return f"{self.name}={self.recipe}" if self.name else self.recipe

    def to_document(self) -> dict[str, Any]:
        steps = [{"transform": step.transform, "probability": step.probability, **step.values} for step in self.steps]
        return {"format": _FORMAT, "name": self.name, "steps": steps}


def parse_pipeline(text: str) -> Pipeline:
    """The pipeline of a text: a built-in or saved name, or steps, or `name=steps`. Raises UserError."""
    text = text.strip()
    if text in BUILT_IN:
        return BUILT_IN[text]
    if _NAME.fullmatch(text) and _file(text).is_file():
        return read(_file(text))
    match = _TEXT.fullmatch(text)
    # A single word that is not a transform is a mistyped name: the error lists the names, and not the transforms.
    if not text or not match or (_NAME.fullmatch(text) and text not in TRANSFORMS):
        saved = ", ".join([*BUILT_IN, *saved_names()])
        raise UserError(f"There is no augmentation {text!r}.", f"Choose one of: {saved}; or write steps, such as flip@0.5/crop.")
    recipe = match["steps"]
    steps = () if recipe == NONE else tuple(_step(part) for part in recipe.split("/"))
    return Pipeline(steps, match["name"] or "")


def _step(text: str) -> PipelineStep:
    head, _, tail = text.partition(":")
    name, separator, probability = head.strip().partition("@")
    _find_transform(name)
    values = {}
    for setting in filter(None, tail.split(",")):
        key, equals, value = setting.partition("=")
        if not equals:
            raise UserError(f"{setting!r} sets nothing in the step {name}.", f"Write it as {name}:strength=value.")
        values[key.strip()] = _number(f"{key.strip()} of {name}", value)
    return PipelineStep(name, _number(f"The probability of {name}", probability) if separator else 1.0, values)


def from_document(document: Any, source: str = "the file") -> Pipeline:
    """The pipeline of a JSON document. Raises UserError that names `source` and what is wrong in it."""
    if not isinstance(document, dict) or document.get("format") != _FORMAT or not isinstance(document.get("steps"), list):
        raise UserError(
            f"{source} does not contain a pipeline.", f'A pipeline is {{"format": "{_FORMAT}", "name": ..., "steps": [...]}}.'
        )
    steps = []
    for number, item in enumerate(document["steps"], start=1):
        if not isinstance(item, dict) or not isinstance(item.get("transform"), str):
            raise UserError(f"Step {number} of {source} names no transform.", f"Choose one of: {', '.join(TRANSFORMS)}.")
        values = {key: value for key, value in item.items() if key not in ("transform", "probability")}
        for key, value in {**values, "probability": item.get("probability", 1.0)}.items():
            # bool is a kind of int in Python, but true is not a valid strength.
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise UserError(f"{key} in step {number} of {source} is {value!r}, which is not a number.")
        steps.append(
            PipelineStep(item["transform"], float(item.get("probability", 1.0)), {k: float(v) for k, v in values.items()})
        )
    return Pipeline(tuple(steps), str(document.get("name") or ""))


def read(file: Path) -> Pipeline:
    """The pipeline in a JSON file. Raises UserError."""
    try:
        return from_document(json.loads(file.read_text(encoding="utf-8")), file.name)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"{file.name} cannot be read as a pipeline ({type(error).__name__}).") from error


def save(pipeline: Pipeline) -> Path:
    """Save the pipeline under its name, for Train and the command line; the file. Raises UserError."""
    if not pipeline.name:
        raise UserError("The pipeline has no name.", "Give it one.")
    # A transform's name is taken as well: alone, it is read as a pipeline of that one step.
    if pipeline.name in BUILT_IN or pipeline.name in TRANSFORMS:
        raise UserError(f"The name {pipeline.name!r} is taken.", "Give the pipeline another one.")
    write_json(_file(pipeline.name), pipeline.to_document())
    return _file(pipeline.name)


def delete(name: str) -> None:
    """Delete a saved pipeline. Runs do not change: a run's configuration holds the steps. Raises UserError."""
    if name not in saved_names():
        raise UserError(f"There is no saved pipeline {name!r}.", f"Saved: {', '.join(saved_names()) or 'none'}.")
    remove(_file(name))


def saved_names() -> list[str]:
    folder = home() / "pipelines"
    names = (file.stem for file in folder.glob("*.json")) if folder.is_dir() else ()
    # A file that was put there by hand may have a name that `parse_pipeline` would not read.
    return sorted(name for name in names if _NAME.fullmatch(name))


def _file(name: str) -> Path:
    return home() / "pipelines" / f"{name}.json"


def _find_transform(name: str) -> Transform:
    if name not in TRANSFORMS:
        raise UserError(f"There is no transform {name!r}.", f"Choose one of: {', '.join(TRANSFORMS)}.")
    return TRANSFORMS[name]


def _number(label: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UserError(f"{label} is {text!r}, which is not a number.") from None


def _check_bounds(label: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # NaN is outside as well
        raise UserError(f"{label} is {value:g}, which is out of bounds.", f"It must be between {low:g} and {high:g}.")


BUILT_IN: Mapping[str, Pipeline] = {
    pipeline.name: pipeline
    for pipeline in (
        Pipeline(name=NONE),
        Pipeline((PipelineStep("flip", 0.5), PipelineStep("affine", 1.0, {"rotation": 5, "shift": 0.05, "scale": 0.1})), "light"),
        Pipeline((PipelineStep("crop"), PipelineStep("flip", 0.5), PipelineStep("colour")), "standard"),
        Pipeline(
            (
                PipelineStep("crop", 1.0, {"smallest": 0.35}),
                PipelineStep("flip", 0.5),
                PipelineStep("trivial"),
                PipelineStep("erase", 0.25),
            ),
            "strong",
        ),
        Pipeline(
            (
                PipelineStep("flip", 0.25),
                PipelineStep("affine", 0.25, {"rotation": 0, "shift": 0.05, "scale": 0.15}),
                PipelineStep("gamma", 0.25, {"low": 0.4, "high": 0.6}),
                PipelineStep("rotate", 0.25, {"rotation": 20}),
                PipelineStep("dropout", 0.25, {"share": 0.01}),
            ),
            "seed",
        ),
    )
}

HELP: Mapping[str, str] = {
    "none": "The images as they are.",
    "light": "Horizontal flip; up to 5 degrees of rotation, 5% of shift, 10% of scale.",
    "standard": "A random crop of half to all of the image, flip, some brightness, contrast and saturation.",
    "strong": "A random crop of a third to all, flip, one random operation (TrivialAugment), random erasing.",
    "seed": "Each at 25%: flip; shift up to 5% with scale up to 15%; gamma 0.4 to 0.6; rotation up to 20 degrees; 1% of pixels dropped.",
}
