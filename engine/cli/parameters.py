"""What several commands take: types of values, and the options that use them. Each completes its values in a shell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from engine.core.errors import UserError
from engine.core.files import read_json
from engine.core.paths import data_dir, runs_dir

if TYPE_CHECKING:
    from engine.data.datasets import Dataset
    from engine.runs.run import Run

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def completion(values: Callable[[click.Context], Mapping[str, str]]) -> Complete:
    """What click completes a value with, from the possible values and a word on each."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name, help=text or None) for name, text in values(ctx).items() if name.startswith(incomplete)]

    return complete


# The names are read from the folders: reading them as runs and datasets would load pandas, which takes half a second.
@completion
def complete_datasets(ctx: click.Context) -> Mapping[str, str]:
    return {file.parent.name: _read_document(file).get("source", "") for file in sorted(data_dir().glob("*/dataset.json"))}


@completion
def complete_runs(ctx: click.Context) -> Mapping[str, str]:
    documents = {file.parent.name: _read_document(file) for file in sorted(runs_dir().glob("[!.]*/config.json"))}
    return {name: ", ".join(document.get("classes", ())) for name, document in documents.items()}


@completion
def complete_classes(ctx: click.Context) -> Mapping[str, str]:
    """The classes of the run, or of the dataset, that the command line names so far."""
    if dataset := ctx.params.get("dataset"):
        return dict.fromkeys(load_dataset(dataset).classes, "")
    # Behind an option that still lacks its value, click leaves the arguments unparsed.
    run = ctx.params.get("run") or next(iter(ctx.args), "")
    return dict.fromkeys(_read_document(runs_dir() / run / "config.json").get("classes", ()), "")


def _read_document(file: Path) -> dict[str, Any]:
    """The JSON object in the file; an empty one where it holds none."""
    document = read_json(file)
    return document if isinstance(document, dict) else {}


@completion
def complete_backbones(ctx: click.Context) -> Mapping[str, str]:
    from engine.models.registry import BACKBONES

    return {entry.name: entry.note for entry in BACKBONES.values()}


def load_run(run_id: str) -> Run:
    from engine.runs import run

    return run.load_run(run_id)


def load_dataset(name: str) -> Dataset:
    from engine.data import datasets

    return datasets.load_dataset(name)


class Number(click.ParamType):
    """A number within bounds: whole, unless `kind` is float."""

    name = "number"

    def __init__(self, minimum: float | None = None, maximum: float | None = None, kind: type[int] | type[float] = int) -> None:
        self._minimum, self._maximum, self._kind = minimum, maximum, kind

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return "N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            number = self._kind(value)
        except ValueError:
            kind = "whole number" if self._kind is int else "number"
            raise UserError(
                f"{flag(param)} is {value!r}, which is not a {kind}.", usage(param, ctx) if param and ctx else ""
            ) from None
        # Negated, so that NaN, which no comparison accepts, is out of bounds, too.
        if not ((self._minimum is None or number >= self._minimum) and (self._maximum is None or number <= self._maximum)):
            raise UserError(f"{flag(param)} is {number:,}.", f"It must be {self._bounds()}.")
        return number

    def _bounds(self) -> str:
        if self._maximum is None:
            return f"at least {self._minimum:,}"
        return f"from {self._minimum:,} to {self._maximum:,}"


class Choice(click.Choice[str]):
    """One of several words."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in self.choices:
            raise UserError(f"{flag(param)} cannot be {value!r}.", f"Choose one of: {', '.join(self.choices)}.")
        return value


class _Lookup(click.ParamType):
    """A name; the command gets what it names."""

    def __init__(self, name: str, load: Callable[[str], Any], complete: Complete) -> None:
        self.name, self._load, self._complete = name, load, complete

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        # Completion reads what it needs itself.
        return value if ctx is not None and ctx.resilient_parsing else self._load(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return self._complete(ctx, param, incomplete)


class _FolderPath(click.Path):
    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(incomplete, type="dir")]


RUN = _Lookup("id", load_run, complete_runs)
DATASET = _Lookup("name", load_dataset, complete_datasets)
SPLIT = Choice(("test", "validation", "train"))
# As text, because a Path would turn `https://` into `https:/`. What is wrong with a path is for the command to say.
FILE = click.Path(readable=False)
FOLDER = _FolderPath(readable=False)

run_argument = click.argument("run", type=RUN, metavar="ID", help="id of a run")
dataset_argument = click.argument("dataset", type=DATASET, metavar="NAME", help="name of a registered dataset")
dataset_option = click.option("--dataset", type=DATASET, required=True, help="name of a registered dataset")
split_option = click.option("--split", type=SPLIT, default="test", help="split to evaluate")
json_option = click.option("--json", "as_json", is_flag=True, help="print one JSON document and nothing else")


def combine(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """One decorator for several options and arguments, in their order."""

    def declare(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return declare


def flag(param: click.Parameter | None) -> str:
    """How the command line calls the option or argument: `--top`, `IMAGE`."""
    assert param is not None  # click passes it to every conversion of a command's value
    return param.human_readable_name.rstrip(".") if isinstance(param, click.Argument) else max(param.opts, key=len)


def usage(param: click.Parameter, context: click.Context) -> str:
    """`--top N: number of images.`"""
    metavar = "" if isinstance(param, click.Argument) else f" {param.make_metavar(context)}"
    return f"{flag(param)}{metavar}: {param.help}."
