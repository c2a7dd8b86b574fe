"""`runs list | show | stop | pause | finish | resume | rename | note | tag | delete | restore | trash`."""

import argparse
from typing import Any

from engine.cli.output import json_flag, print_json, print_table
from engine.core.text_output import utc
from engine.evaluation import best_run
from engine.runs import run as runs
from engine.runs import score_text, trash
from engine.runs.config import fields
from engine.runs.metadata import update_metadata
from engine.runs.run import Run, list_runs, load_run
from engine.training import launcher


def register(commands: argparse._SubParsersAction) -> None:
    group = commands.add_parser("runs", help="list, show, stop, resume, rename and delete runs")
    actions = group.add_subparsers(required=True, metavar="ACTION")

    def add(name: str, command: object, text: str, *, takes_run: bool = True) -> argparse.ArgumentParser:
        action = actions.add_parser(name, help=text)
        if takes_run:
            action.add_argument("id", help="id of a run")
        action.set_defaults(command=command)
        json_flag(action)
        return action

    add("list", _list, "list all runs, newest first", takes_run=False)
    add("show", _show, "print the state, scores and configuration of a run")
    add("stop", _stop, "stop a run: it finishes its batch and saves, and can be resumed")
    add("pause", _pause, "pause a run: like stop, but it is listed as paused")
    add("finish", _finish, "end the training now and score the best epoch so far")
    add("resume", _resume, "continue a run from its last checkpoint")
    add("rename", _rename, "give a run a name; its id does not change").add_argument("name", help="the name; empty to remove it")
    add("note", _note, "add a note to a run").add_argument("text", help="the note; empty to remove it")
    tag = add("tag", _tag, "add or remove tags")
    tag.add_argument("tags", nargs="+", metavar="TAG")
    tag.add_argument("--remove", action="store_true", help="remove these tags instead")
    add("delete", _delete, f"move a run to the trash, where it stays for {trash.DAYS:g} days")
    add("restore", _restore, "restore a deleted run from the trash")
    trash_ = add("trash", _trash, "list the deleted runs that can be restored", takes_run=False)
    trash_.add_argument("--empty", action="store_true", help="delete them permanently")
    trash_.add_argument(
        "--older-than",
        type=float,
        default=0.0,
        metavar="DAYS",
        help="with --empty: only runs deleted more than DAYS days ago",
    )


def _list(args: argparse.Namespace) -> None:
    every = list_runs()
    rankings = {
        name: best_run.rank([run for run in every if run.config.dataset == name]) for name in {r.config.dataset for r in every}
    }
    summaries: list[dict[str, Any]] = [{**runs.summary(run), **_rank_marks(run, rankings[run.config.dataset])} for run in every]
    if args.json:
        print_json(summaries)
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


def _state(summary: dict) -> str:
    return "waiting" if summary["waiting"] else summary["state"]


def _score(results: dict) -> str:
    if "test" not in results:
        return ""
    return f"{score_text.macro_f1(results['test'])}, n = {results['test']['n']:,}"


def _show(args: argparse.Namespace) -> None:
    run = load_run(args.id)
    summary = runs.summary(run)
    if args.json:
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


def _stop(args: argparse.Namespace) -> int:
    run = load_run(args.id)
    launcher.stop(run)
    return print_run(args, run, f"{run.id} will finish its batch, save and stop.")


def _pause(args: argparse.Namespace) -> int:
    run = load_run(args.id)
    launcher.pause(run)
    return print_run(
        args, run, f"{run.id} will finish its batch, save and pause. Continue it with: python -m engine runs resume {run.id}"
    )


def _finish(args: argparse.Namespace) -> int:
    run = load_run(args.id)
    launcher.finish(run)
    return print_run(args, run, f"{run.id} will end its training and score its best epoch.")


def _resume(args: argparse.Namespace) -> int:
    run = load_run(args.id)
    launcher.resume(run)
    return print_run(args, run, f"{run.id} continues in the background.")


def _rename(args: argparse.Namespace) -> int:
    run = load_run(args.id)
    update_metadata(run.path, name=args.name)
    return print_run(args, run, f"{run.id} is called {run.title}.")


def _note(args: argparse.Namespace) -> int:
    run = load_run(args.id)
    update_metadata(run.path, note=args.text)
    return print_run(args, run, f"The note of {run.id} was {'saved' if run.metadata.note else 'removed'}.")


def _tag(args: argparse.Namespace) -> int:
    run = load_run(args.id)
    remaining = [tag for tag in run.metadata.tags if not (args.remove and tag in args.tags)]
    update_metadata(run.path, tags=remaining if args.remove else [*remaining, *args.tags])
    return print_run(args, run, f"{run.id} has the tags: {', '.join(run.metadata.tags) or 'none'}.")


def _delete(args: argparse.Namespace) -> None:
    run = load_run(args.id)
    trash.delete(run)
    if args.json:
        print_json({"id": run.id, "deleted": True})
    else:
        print(f"{run.id} was deleted. Undo with: python -m engine runs restore {run.id}")


def _restore(args: argparse.Namespace) -> int:
    run = trash.restore(args.id)
    return print_run(args, run, f"{run.id} was restored.")


def _trash(args: argparse.Namespace) -> None:
    if args.empty:
        removed = trash.empty(args.older_than)
        if args.json:
            print_json({"removed": removed})
        else:
            print(f"Permanently deleted: {', '.join(removed) or 'nothing'}.")
        return
    entries = trash.list_deleted()
    if args.json:
        print_json([{"id": entry.id, "deleted": entry.deleted_at, "bytes": entry.size} for entry in entries])
    elif entries:
        rows = [[e.id, utc(e.deleted_at), f"{e.size / 1e6:.1f}"] for e in entries]
        print_table(["id", "deleted", "MB"], rows)
    else:
        print("The trash is empty.")


def print_run(args: argparse.Namespace, run: Run, text: str) -> int:
    """Print the run's summary as JSON, or the text; return exit code 0."""
    if args.json:
        print_json(runs.summary(run))
    else:
        print(text)
    return 0
