"""`train`: start a run and follow it."""

from __future__ import annotations

import contextlib
import signal
import sys
import time

import click

from engine.cli.configuration import ConfigurationCommand, build_configuration, configuration_options
from engine.cli.parameters import RUN, json_option
from engine.cli.probes import print_estimate
from engine.cli.runs import print_run
from engine.core.errors import UserError
from engine.runs.run import Run

_POLL = 0.3


@click.command(cls=ConfigurationCommand)
@configuration_options(preset="fast")
@click.option("--detach", is_flag=True, help="return at once; the run continues in the background")
@click.option(
    "--prepare", is_flag=True, help="write the run directory and print its path without starting it, for use with torchrun"
)
@click.option("--dry-run", is_flag=True, help="measure a few steps and estimate how long the run would take, without starting it")
@click.option("--like", type=RUN, help="start from the configuration of this run instead of a preset")
@json_option
def train_command(
    dataset: str, preset: str, model: str | None, settings: tuple[str, ...], like: Run | None,
    detach: bool, prepare: bool, dry_run: bool, as_json: bool,
) -> int:  # fmt: skip
    from engine.training import launcher

    config = build_configuration(dataset, preset, model, settings, like)
    if dry_run:
        print_estimate(config, as_json)
        return 0
    if prepare:
        run = launcher.create(config)
        print_run(run, str(run.path), as_json)
        return 0
    run = launcher.start(config)
    if detach:
        print_run(run, f"{run.id} was started.", as_json)
        return 0
    print(f"{run.id} runs in a process of its own. Ctrl-C stops it; a stopped run can be resumed.", file=sys.stderr)
    interruptions = _handle_interruptions(run)
    code = _follow(run, as_json)
    return 128 + interruptions[0] if interruptions else code


def _handle_interruptions(run: Run) -> list[int]:
    """Make the first SIGINT (Ctrl-C) or SIGTERM stop the run as the Stop button does, and the second end it at once.

    Returns a list to which each signal that arrives is appended.
    """
    from engine.training import launcher

    signals: list[int] = []

    def handle(number: int, _: object) -> None:
        signals.append(number)
        with contextlib.suppress(UserError):  # the run has ended meanwhile
            if len(signals) == 1:
                launcher.stop(run)
                print("\nThe batch is finished and saved; Ctrl-C again ends the run at once.", file=sys.stderr, flush=True)
            else:
                launcher.kill(run)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)
    return signals


def _follow(run: Run, as_json: bool) -> int:
    """Show the run's progress until it ends. Returns the exit code: 0 where it finished, else 2."""
    offset, shown, waited = 0, "", ""
    while True:
        status = run.status
        events, offset = run.events(offset)
        for event in events:
            if event["kind"] in ("message", "epoch", "candidate"):
                print(_line(event), file=sys.stderr)
        eta = f", {status.eta:.0f} s left" if status.eta else ""
        line = f"{status.state}: {status.detail} {status.progress:.0%}{eta}"
        if status.waiting and status.detail != waited:
            waited = status.detail
            print(f"\nWaiting: {waited} {status.hint}", file=sys.stderr, flush=True)
        if sys.stderr.isatty() and status.active and line != shown:
            print(f"\r{line}    ", end="", file=sys.stderr, flush=True)
            shown = line
        if not status.active:
            break
        time.sleep(_POLL)
    if status.error:
        print("\n".join(filter(None, [status.error, status.hint])), file=sys.stderr)
    print_run(run, f"{run.id} {status.state}: {status.detail}", as_json)
    return 0 if status.state == "finished" else 2


def _line(event: dict) -> str:
    if event["kind"] == "message":
        return event["text"]
    score = f"validation loss {event['validation_loss']:.4f}, macro F1 {event['validation_macro_f1']:.4f}"
    name = f"epoch {event['epoch']}" if event["kind"] == "epoch" else f"C = {event['C']:g}"
    return f"{name}: {score}{' (best)' if event['best'] else ''}"
