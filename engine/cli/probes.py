"""`train --dry-run` and `lr-find`: short measurements before a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from engine.cli.configuration import ConfigurationCommand, build_configuration, configuration_options
from engine.cli.output import print_json, print_table, progress_line
from engine.cli.parameters import json_option
from engine.core.number_text import duration
from engine.runs.config import Config

if TYPE_CHECKING:
    from engine.training.probes import Kind, ProbeDocument

_SHOWN = 18  # points of the curve in the terminal


def print_estimate(config: Config, as_json: bool) -> None:
    """Print how long the run would take, by phase."""
    result = _run_probe("estimate", config, "measuring")["result"]
    if as_json:
        print_json({"config": config.to_dict(), **result})
        return
    print_table(["phase", "time", ""], [[p["name"], duration(p["seconds"]), p["note"]] for p in result["phases"]])
    print(f"\nAbout {duration(result['seconds'])} in total, at {result['images_per_second']:.3g} images/s. Nothing was started.")


@click.command(cls=ConfigurationCommand)
@configuration_options(preset="balanced")
@json_option
def lr_find_command(dataset: str, preset: str, model: str | None, settings: tuple[str, ...], as_json: bool) -> None:
    result = _run_probe("lr-find", build_configuration(dataset, preset, model, settings), "raising the learning rate")
    if as_json:
        print_json({key: result[key] for key in ("points", "suggestion", "reason", "config")})
        return
    points = result["points"]
    shown = points[:: max(1, len(points) // _SHOWN)]
    print_table(["learning rate", "loss"], [[f"{p['lr']:.1e}", round(p["smoothed"], 3)] for p in shown])
    print(f"\n{result['reason']}")
    if result["suggestion"]:
        print(f"Train with: --set peak_lr={result['suggestion']:.1e}")


def _run_probe(kind: Kind, config: Config, label: str) -> ProbeDocument:
    """The probe's document, measured in this process. It is written to the file that the pages read."""
    from engine.training import launcher, probes
    from engine.training.probe_job import run_probe

    launcher.check(config)
    probes.check(kind, config)
    return run_probe(kind, probes.probe_id(kind, config), config, progress_line(label))
