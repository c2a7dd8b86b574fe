"""The arguments that describe a training configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from engine.cli.parameters import combine, complete_backbones, complete_datasets, completion
from engine.models import hub_names
from engine.models.registry import BACKBONES, DEFAULT
from engine.runs.config import GROUPS, Config, configure, fields, from_dict, help_text, parse_settings
from engine.runs.inactive_fields import reset_inactive_fields
from engine.runs.presets import PRESET_HELP, PRESETS

if TYPE_CHECKING:
    from engine.runs.run import Run


@completion
def _complete_presets(context: click.Context) -> Mapping[str, str]:
    return PRESET_HELP


def _complete_setting(context: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """`field=`, then the choices of the field."""
    name, equals, _ = incomplete.partition("=")
    if not equals:
        settings = {f"{name}=": help_text(name) for name in fields()}
    else:
        choices = BACKBONES if name == "model" else fields()[name].metadata["choices"] if name in fields() else ()
        settings = {f"{name}={choice}": "" for choice in choices}
    return [CompletionItem(text, help=help or None) for text, help in settings.items() if text.startswith(incomplete)]


class ConfigurationCommand(click.Command):
    """A command whose help ends with the presets and the fields."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Presets"):
            formatter.write_dl([(name, _describe_preset(name)) for name in PRESETS])
        for group in GROUPS:
            rows = [(name, _describe_field(name)) for name, field in fields().items() if field.metadata["group"] == group]
            with formatter.section(f"Fields for --set: {group}"):
                formatter.write_dl(rows)


def _describe_preset(name: str) -> str:
    return f"{PRESET_HELP[name]} ({', '.join(f'{field}={value}' for field, value in PRESETS[name].items())})"


def _describe_field(name: str) -> str:
    field = fields()[name]
    choices, low, high = (field.metadata[key] for key in ("choices", "minimum", "maximum"))
    values = "|".join(choices) or (f"{low:g} to {high:g}" if high is not None else "")
    return f"{help_text(name)}  [{values}{'; ' if values else ''}default: {field.default}]"


def configuration_options(preset: str) -> Callable[[Any], Any]:
    """The options that `build_configuration` takes."""
    return combine(
        click.option("--dataset", required=True, metavar="NAME", shell_complete=complete_datasets, help="name of a registered dataset"),
        click.option("--preset", default=preset, shell_complete=_complete_presets, help=f"one of: {', '.join(PRESETS)}"),
        click.option("--model", shell_complete=complete_backbones, help=f"backbone (default: the preset's, or {DEFAULT}; see `models`)"),
        click.option(
            "--set", "settings", multiple=True, metavar="FIELD=VALUE", shell_complete=_complete_setting,
            help="change a field of the preset (may be repeated)",
        ),
    )  # fmt: skip


def build_configuration(
    dataset: str, preset: str, model: str | None, settings: tuple[str, ...], like: Run | None = None
) -> Config:
    changes = parse_settings(settings) | ({"model": model} if model else {})
    if like:
        if "model" not in changes:
            hub_names.check(like.config.model)
        return from_dict(reset_inactive_fields(like.config.to_dict() | {"dataset": dataset} | changes))
    return configure(dataset, preset, **changes)
