"""The arguments that describe a training configuration."""

import argparse

from engine.models import hub_names
from engine.models.registry import DEFAULT
from engine.runs.config import Config, configure, fields, from_dict, help_text, parse_settings
from engine.runs.inactive_fields import reset_inactive_fields
from engine.runs.presets import PRESET_HELP, PRESETS
from engine.runs.run import load_run


def configuration_arguments(parser: argparse.ArgumentParser, preset: str) -> None:
    """Add the arguments that `configuration` reads."""
    parser.add_argument("--dataset", required=True, help="name of a registered dataset")
    presets = "; ".join(f"{name}: {text}" for name, text in PRESET_HELP.items())
    parser.add_argument("--preset", default=preset, help=f"{presets} (default {preset})")
    parser.add_argument("--model", help=f"backbone (default: the preset's, or {DEFAULT}; see `models`)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="change a field of the preset (may be repeated)"
    )


def configuration(args: argparse.Namespace) -> Config:
    changes = parse_settings(args.set) | ({"model": args.model} if args.model else {})
    if getattr(args, "like", None):
        before = load_run(args.like).config
        if "model" not in changes:
            hub_names.check(before.model)
        return from_dict(reset_inactive_fields(before.to_dict() | {"dataset": args.dataset} | changes))
    return configure(args.dataset, args.preset, **changes)


def fields_help() -> str:
    lines = ["fields for --set:"]
    for name, field in fields().items():
        default = "" if field.default == "" else f" (default {field.default})"
        lines.append(f"  {name:16} {help_text(name)}{default}")
    lines.append("\npresets:")
    for name, changes in PRESETS.items():
        lines.append(f"  {name:16} {', '.join(f'{field}={value}' for field, value in changes.items())}")
    return "\n".join(lines)
