"""`train --dry-run` and `lr-find`: short measurements before a training."""

import argparse

from engine.cli.configuration import configuration, configuration_arguments
from engine.cli.output import json_flag, print_json, print_table, progress_line
from engine.core.number_text import duration
from engine.runs.config import Config
from engine.training import launcher, probes

_SHOWN = 18  # points of the curve in the terminal


def register(commands: argparse._SubParsersAction) -> None:
    finder = commands.add_parser(
        "lr-find", help="find a learning rate with a short training whose learning rate rises from step to step"
    )
    configuration_arguments(finder, preset="balanced")
    json_flag(finder)
    finder.set_defaults(command=_lr_find)


def dry_run(args: argparse.Namespace, config: Config) -> int:
    """Print how long the run would take, by phase."""
    result = _run_probe("estimate", config, "measuring")["result"]
    if args.json:
        print_json({"config": config.to_dict(), **result})
        return 0
    print_table(["phase", "time", ""], [[p["name"], duration(p["seconds"]), p["note"]] for p in result["phases"]])
    print(f"\nAbout {duration(result['seconds'])} in total, at {result['images_per_second']:.3g} images/s. Nothing was started.")
    return 0


def _lr_find(args: argparse.Namespace) -> int:
    result = _run_probe("lr-find", configuration(args), "raising the learning rate")
    if args.json:
        print_json({key: result[key] for key in ("points", "suggestion", "reason", "config")})
        return 0
    points = result["points"]
    shown = points[:: max(1, len(points) // _SHOWN)]
    print_table(["learning rate", "loss"], [[f"{p['lr']:.1e}", round(p["smoothed"], 3)] for p in shown])
    print(f"\n{result['reason']}")
    if result["suggestion"]:
        print(f"Train with: --set peak_lr={result['suggestion']:.1e}")
    return 0


def _run_probe(kind: probes.Kind, config: Config, label: str) -> probes.ProbeDocument:
    """The probe's document, measured in this process. It is written to the file that the pages read."""
    from engine.training.probe_job import run_probe

    launcher.check(config)
    probes.check(kind, config)
    return run_probe(kind, probes.probe_id(kind, config), config, progress_line(label))
