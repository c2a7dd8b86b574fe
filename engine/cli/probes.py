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
    from engine.training.probes import Kind, ProbeResult

_SHOWN = 18  # points of the curve in the terminal


def print_estimate(config: Config, as_json: bool) -> None:
    """Print how long the run would take, by phase."""
    result = _measure("estimate", config, "measuring")["estimate"]
    if as_json:
        print_json({"config": config.to_dict(), **result})
        return
    print_table(["phase", "time", ""], [[p["name"], duration(p["seconds"]), p["note"]] for p in result["phases"]])
    print(f"\nAbout {duration(result['seconds'])} in total, at {result['images_per_second']:.3g} images/s. Nothing was started.")


@click.command(cls=ConfigurationCommand)
@configuration_options(preset="balanced")
@json_option
def lr_find_command(dataset: str, preset: str, model: str | None, settings: tuple[str, ...], as_json: bool) -> None:
    config = build_configuration(dataset, preset, model, settings)
    result = _measure("lr-find", config, "raising the learning rate")
    if as_json:
        print_json({**result, "config": config.to_dict()})
        return
    points = result["points"]
    shown = points[:: max(1, len(points) // _SHOWN)]
    print_table(["learning rate", "loss"], [[f"{p['lr']:.1e}", round(p["smoothed"], 3)] for p in shown])
    print(f"\n{result['reason']}")
    if result["suggestion"]:
        print(f"Train with: --set peak_lr={result['suggestion']:.1e}")


def _measure(kind: Kind, config: Config, label: str) -> ProbeResult:
    """The probe's result, measured in this process. It is written to the file that the pages read."""
    from engine.training import launcher, probes
    from engine.training.probe_job import measure

    launcher.check(config)
    probes.check(kind, config)
    return measure(probes.job(kind, config), config, progress_line(label))
