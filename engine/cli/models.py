"""`models`: the registered backbones."""

import argparse
import dataclasses

from engine.cli.output import json_flag, print_json, print_table
from engine.models.registry import BACKBONES, DEFAULT


def register(commands: argparse._SubParsersAction) -> None:
    models = commands.add_parser("models", help="list the registered backbones")
    models.set_defaults(command=_models)
    json_flag(models)


def _models(args: argparse.Namespace) -> None:
    if args.json:
        print_json([dataclasses.asdict(entry) | {"default": entry.name == DEFAULT} for entry in BACKBONES.values()])
        return
    print_table(
        ["name", "parameters (M)", "built by", "note"], [[e.name, e.parameters, e.builder, e.note] for e in BACKBONES.values()]
    )
    print("\nYou can also name any timm model as timm:NAME, and any Hugging Face model that timm can load as hf-hub:OWNER/NAME.")
