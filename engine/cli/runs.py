"""`runs list | show | stop | pause | finish | resume | rename | note | tag | delete | restore | trash`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from engine.cli.commands import Group
from engine.cli.output import print_json, print_result, print_table
from engine.cli.parameters import Number, completion, json_option, run_argument
from engine.core.text_output import utc
from engine.runs import run as runs
from engine.runs import score_text, trash
from engine.runs.config import fields
from engine.runs.metadata import update_metadata
from engine.runs.run import Run, list_runs

if TYPE_CHECKING:
    from engine.evaluation import best_run
    from engine.runs.results import Results


runs_command = Group("runs")


@completion
def _complete_deleted(context: click.Context) -> dict[str, str]:
    return {entry.id: "" for entry in trash.list_deleted()}


def _free_text(text: str) -> str:
    """A name or a note, which may begin with a hyphen, but is not a mistyped option."""
    if re.fullmatch(r"--\w[\w-]*", text):
        raise click.NoSuchOption(text)
    return text


# click would read "-20% data" as options.
_HYPHENS = {"ignore_unknown_options": True}


@runs_command.command("list", help="List all runs, newest first.")
@json_option
def _list(as_json: bool) -> None:
    from engine.evaluation import best_run

    every = list_runs()
    rankings = {
        name: best_run.rank([run for run in every if run.config.dataset == name]) for name in {r.config.dataset for r in every}
    }
    summaries = [runs.summary(run) for run in every]
    if as_json:
        marks = [_rank_marks(run, rankings[run.config.dataset]) for run in every]
        print_json([{**summary, **mark} for summary, mark in zip(summaries, marks, strict=True)])
        return
    if not summaries:
        print("There are no runs yet. Start one with: python -m engine train --dataset demo")
        return
    rows = [
        [s["id"], s["name"], s["dataset"], s["model"], s["preset"], _state(s), _score(s["results"]), ", ".join(s["tags"])]
        for s in summaries
    ]
    print_table(["id", "name", "dataset", "model", "preset", "state", "test macro F1 (95%)", "tags"], rows)
    for name, ranking in sorted(rankings.items()):
        if len(ranking.ranked) + len(ranking.other) > 1:
            print(f"{name}: {best_run.sentence(ranking)}")


def _rank_marks(run: Run, ranking: best_run.Ranking) -> dict[str, bool]:
    """Whether the run is the best of its dataset by validation, or not distinguishable from that one."""
    return {"best_by_validation": ranking.mark(run) == "best", "not_distinguishable_from_best": ranking.mark(run) == "tied"}


def _state(summary: runs.RunDocument) -> str:
    return "waiting" if summary["waiting"] else summary["state"]


def _score(results: Results) -> str:
    if "test" not in results:
        return ""
    return f"{score_text.macro_f1(results['test'])}, n = {results['test']['n']:,}"


@runs_command.command("show", help="Print the state, scores and configuration of a run.")
@run_argument
@json_option
def _show(run: Run, as_json: bool) -> None:
    summary = runs.summary(run)
    if as_json:
        print_json(summary)
        return
    name = f" ({summary['name']})" if summary["name"] else ""
    print(f"{run.id}{name}: {run.status.word} {summary['detail']}")
    score = _score(summary["results"])
    lines = [summary["error"], summary["hint"], score and f"test macro F1 {score}", summary["note"], ", ".join(summary["tags"])]
    for line in filter(None, lines):
        print(line)
    print()
    print_table(["field", "value"], [[name, summary["config"][name]] for name in fields()])


def _request(name: str, text: str, answer: str) -> None:
    """Declares the command that asks the process of a run for what the launcher's function of this name does."""

    @runs_command.command(name, help=text)
    @run_argument
    @json_option
    def request(run: Run, as_json: bool) -> None:
        from engine.training import launcher

        getattr(launcher, name)(run)
        print_run(run, f"{run.id} {answer.format(id=run.id)}", as_json)


_request("stop", "Stop a run: it finishes its batch and saves, and can be resumed.", "will finish its batch, save and stop.")
_request(
    "pause",
    "Pause a run: like stop, but it is listed as paused.",
    "will finish its batch, save and pause. Continue it with: python -m engine runs resume {id}",
)
_request("finish", "End the training now and score the best epoch so far.", "will end its training and score its best epoch.")
_request("resume", "Continue a run from its last checkpoint.", "continues in the background.")


@runs_command.command("rename", help="Give a run a name; its id does not change.", context_settings=_HYPHENS)
@run_argument
@click.argument("name", type=_free_text, help="the name; empty to remove it")
@json_option
def _rename(run: Run, name: str, as_json: bool) -> None:
    update_metadata(run.path, name=name)
    print_run(run, f"{run.id} is called {run.title}.", as_json)


@runs_command.command("note", help="Add a note to a run.", context_settings=_HYPHENS)
@run_argument
@click.argument("text", type=_free_text, help="the note; empty to remove it")
@json_option
def _note(run: Run, text: str, as_json: bool) -> None:
    update_metadata(run.path, note=text)
    print_run(run, f"The note of {run.id} was {'saved' if run.metadata.note else 'removed'}.", as_json)


@runs_command.command("tag", help="Add or remove tags.")
@run_argument
@click.argument("tags", nargs=-1, required=True, metavar="TAG...", help="the tags")
@click.option("--remove", is_flag=True, help="remove these tags instead")
@json_option
def _tag(run: Run, tags: tuple[str, ...], remove: bool, as_json: bool) -> None:
    remaining = [tag for tag in run.metadata.tags if not (remove and tag in tags)]
    update_metadata(run.path, tags=remaining if remove else [*remaining, *tags])
    print_run(run, f"{run.id} has the tags: {', '.join(run.metadata.tags) or 'none'}.", as_json)


@runs_command.command("delete", help=f"Move a run to the trash, where it stays for {trash.DAYS:g} days.")
@run_argument
@json_option
def _delete(run: Run, as_json: bool) -> None:
    trash.delete(run)
    text = f"{run.id} was deleted. Undo with: python -m engine runs restore {run.id}"
    print_result({"id": run.id, "deleted": True}, text, as_json)


@runs_command.command("restore", help="Restore a deleted run from the trash.")
@click.argument("run_id", metavar="ID", shell_complete=_complete_deleted, help="id of a deleted run")
@json_option
def _restore(run_id: str, as_json: bool) -> None:
    run = trash.restore(run_id)
    print_run(run, f"{run.id} was restored.", as_json)


@runs_command.command("trash", help="List the deleted runs that can be restored.")
@click.option("--empty", is_flag=True, help="delete them permanently")
@click.option(
    "--older-than",
    type=Number(kind=float),
    default=0.0,
    metavar="DAYS",
    help="with --empty: only runs deleted more than DAYS days ago",
)
@json_option
def _trash(empty: bool, older_than: float, as_json: bool) -> None:
    if empty:
        removed = trash.empty(older_than)
        print_result({"removed": removed}, f"Permanently deleted: {', '.join(removed) or 'nothing'}.", as_json)
        return
    entries = trash.list_deleted()
    if as_json:
        print_json([{"id": entry.id, "deleted": entry.deleted_at, "bytes": entry.size} for entry in entries])
    elif entries:
        rows = [[e.id, utc(e.deleted_at), f"{e.size / 1e6:.1f}"] for e in entries]
        print_table(["id", "deleted", "MB"], rows)
    else:
        print("The trash is empty.")


def print_run(run: Run, text: str, as_json: bool) -> None:
    """Print the text, or the run's summary as JSON."""
    print_result(runs.summary(run), text, as_json)
