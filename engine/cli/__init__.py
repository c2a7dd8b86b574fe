"""The command line. Results go to standard output, progress and errors to standard error; a user error exits with code 2."""

import argparse
import contextlib
import sys
from collections.abc import Sequence

from engine import __version__
from engine.cli import (
    audit,
    augmentation,
    bench,
    confusion,
    data,
    evaluate,
    explain,
    export,
    labels,
    maps,
    models,
    novelty,
    predict,
    probes,
    retraining_effect,
    runs,
    training,
    trust,
)
from engine.cli.output import print_json
from engine.core.disk import disk_error
from engine.core.errors import UserError

# In the order of the help.
_FAMILIES = (
    data, maps, audit, labels, models, augmentation, training, probes,
    runs, evaluate, predict, novelty, confusion, trust, retraining_effect, explain, export, bench,
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    try:
        code = args.command(args) or 0
        sys.stdout.flush()
        return code
    except UserError as error:
        return _refuse(args, error)
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        # Some writes are not ours: a library's download, or standard output redirected to a full disk.
        problem = disk_error(error)
        if problem is None:
            raise
        return _refuse(args, problem)


def _refuse(args: argparse.Namespace, error: UserError) -> int:
    with contextlib.suppress(OSError):  # the output's disk may be the one that is full
        print("\n".join(filter(None, [error.message, error.hint])), file=sys.stderr)
        if getattr(args, "json", False):
            print_json({"error": error.message, "hint": error.hint})
    return 2


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m engine", description="Scenescope: from a folder of photos to a classifier you can trust."
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for module in _FAMILIES:
        module.register(commands)
    return top
