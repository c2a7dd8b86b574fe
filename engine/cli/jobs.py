"""`jobs [stop NAME]`: what runs in the background on this home."""

from __future__ import annotations

import click

from engine.cli.commands import Group
from engine.cli.output import print_json, print_result, print_table
from engine.cli.parameters import completion, json_option
from engine.core.number_text import duration


@click.group(cls=Group, invoke_without_command=True)
@json_option
@click.pass_context
def jobs_command(context: click.Context, as_json: bool) -> None:
    if context.invoked_subcommand:
        return
    from engine.training.activity import list_activities

    activities = list_activities()
    if as_json:
        print_json([one.document() for one in activities])
        return
    if not activities:
        print("Nothing runs in the background.")
        return
    rows = [[one.name, one.title, one.state, one.progress.text(), f"{one.share:.0%}", duration(one.eta)] for one in activities]
    print_table(["name", "what", "state", "progress", "", "left"], rows)


@completion
def _complete_names(context: click.Context) -> dict[str, str]:
    from engine.training.activity import list_activities

    return {one.name: one.title for one in list_activities()}


@jobs_command.command("stop", help="Stop a job or a training; what it has done is kept.")
@click.argument("name", shell_complete=_complete_names, help="its name in the list")
@json_option
def _stop(name: str, as_json: bool) -> None:
    from engine.training import activity

    activity.stop(name)
    print_result({"stopping": name}, f"{name} was asked to stop; what it has done is kept.", as_json)
