"""`train`: start a run and follow it."""

import argparse
import contextlib
import signal
import sys
import time

from engine.cli.configuration import configuration, configuration_arguments, fields_help
from engine.cli.output import json_flag
from engine.cli.probes import dry_run
from engine.cli.runs import print_run
from engine.core.errors import UserError
from engine.runs.run import Run
from engine.training import launcher

_POLL = 0.3


def register(commands: argparse._SubParsersAction) -> None:
    train = commands.add_parser(
        "train",
        help="train a model: start a run and follow it",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Train a model.",
        epilog=fields_help(),
    )
    configuration_arguments(train, preset="fast")
    train.add_argument("--detach", action="store_true", help="return at once; the run continues in the background")
    train.add_argument(
        "--prepare",
        action="store_true",
        help="write the run directory and print its path without starting it, for use with torchrun",
    )
    train.add_argument(
        "--dry-run", action="store_true", help="measure a few steps and estimate how long the run would take, without starting it"
    )
    train.add_argument("--like", metavar="ID", help="start from the configuration of this run instead of a preset")
    train.set_defaults(command=_train)
    json_flag(train)


def _train(args: argparse.Namespace) -> int:
    config = configuration(args)
    if args.dry_run:
        return dry_run(args, config)
    if args.prepare:
        run = launcher.create(config)
        return print_run(args, run, str(run.path))
    run = launcher.start(config)
    if args.detach:
        return print_run(args, run, f"{run.id} was started.")
    print(f"{run.id} runs in a process of its own. Ctrl-C stops it; a stopped run can be resumed.", file=sys.stderr)
    interruptions = _handle_interruptions(run)
    code = _follow(args, run)
    return 128 + interruptions[0] if interruptions else code


def _handle_interruptions(run: Run) -> list[int]:
    """Make the first SIGINT (Ctrl-C) or SIGTERM stop the run as the Stop button does, and the second end it at once.

    Returns a list to which each signal that arrives is appended.
    """
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


def _follow(args: argparse.Namespace, run: Run) -> int:
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
    print_run(args, run, f"{run.id} {status.state}: {status.detail}")
    return 0 if status.state == "finished" else 2


def _line(event: dict) -> str:
    if event["kind"] == "message":
        return event["text"]
    score = f"validation loss {event['validation_loss']:.4f}, macro F1 {event['validation_macro_f1']:.4f}"
    name = f"epoch {event['epoch']}" if event["kind"] == "epoch" else f"C = {event['C']:g}"
    return f"{name}: {score}{' (best)' if event['best'] else ''}"
