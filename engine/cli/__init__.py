"""The command line. Results go to standard output, progress and errors to standard error; a user error exits with code 2."""

import contextlib
import os
import sys
from collections.abc import Sequence

import click

from engine.cli import completion
from engine.cli.commands import root
from engine.cli.output import print_json
from engine.cli.usage_errors import describe_usage_error
from engine.core.disk import disk_error
from engine.core.errors import UserError

PROGRAM = "python -m engine"


def main(arguments: Sequence[str] | None = None, program: str = PROGRAM) -> int:
    """Run a command, and return the exit code. `program`: what a person types before the arguments."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if completion.REQUEST in os.environ:
            return completion.complete(root, program)
        with root.make_context(program, list(words)) as context:
            code = root.invoke(context) or 0
        sys.stdout.flush()
        return code
    except click.exceptions.Exit as end:  # --help and --version
        return end.exit_code
    except click.UsageError as error:
        return _refuse(words, describe_usage_error(error))
    except UserError as error:
        return _refuse(words, error)
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
        return _refuse(words, problem)


def _refuse(words: Sequence[str], error: UserError) -> int:
    with contextlib.suppress(OSError):  # the output's disk may be the one that is full
        print("\n".join(filter(None, [error.message, error.hint])), file=sys.stderr)
        if "--json" in words:
            print_json({"error": error.message, "hint": error.hint})
    return 2
