"""`models`: the registered backbones."""

import dataclasses

import click

from engine.cli.output import print_json, print_table
from engine.cli.parameters import json_option
from engine.models.registry import BACKBONES, DEFAULT


@click.command()
@json_option
def models_command(as_json: bool) -> None:
    if as_json:
        print_json([dataclasses.asdict(entry) | {"default": entry.name == DEFAULT} for entry in BACKBONES.values()])
        return
    print_table(
        ["name", "parameters (M)", "built by", "note"], [[e.name, e.parameters, e.builder, e.note] for e in BACKBONES.values()]
    )
    print("\nYou can also name any timm model as timm:NAME, and any Hugging Face model that timm can load as hf-hub:OWNER/NAME.")
