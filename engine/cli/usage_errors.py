"""click's errors in the form of all others: what is wrong, and what to do."""

from collections.abc import Iterable
from difflib import get_close_matches

import click
from click.exceptions import NoArgsIsHelpError

from engine.cli.parameters import flag, usage
from engine.core.errors import UserError


def describe_usage_error(error: click.UsageError) -> UserError:
    """What is wrong with the words of the command line."""
    see = f"See: {error.ctx.command_path} --help" if error.ctx else ""
    match error:
        case NoArgsIsHelpError():
            return UserError("A command is missing.", _choices(error.ctx, see))
        case click.NoSuchCommand(ctx=click.Context() as context):
            commands = context.command.list_commands(context) if isinstance(context.command, click.Group) else []
            return UserError(
                f"There is no command {error.command_name!r}.", _guess(error.command_name, commands) or _choices(context, see)
            )
        case click.NoSuchOption():
            return UserError(
                f"There is no option {error.option_name}.", _guess(error.option_name, error.possibilities or ()) or see
            )
        case click.MissingParameter(param=click.Parameter() as param, ctx=click.Context() as context):
            return UserError(f"{flag(param)} is missing.", f"{usage(param, context)} {see}")
    return UserError(f"{error.format_message().rstrip('.')}.", see)


def _guess(word: str, known: Iterable[str]) -> str:
    matches = get_close_matches(word, known, n=1)
    return f"Did you mean {matches[0]}?" if matches else ""


def _choices(context: click.Context, see: str) -> str:
    """The commands of a group in one line; of the program, where they are many, the way to its help."""
    if context.parent is None or not isinstance(context.command, click.Group):
        return see
    return f"Choose one of: {', '.join(context.command.list_commands(context))}."
