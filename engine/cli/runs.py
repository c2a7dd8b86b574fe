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
    group = commands.add_parser("runs", help="list, show, stop, resume, name, delete runs")
    actions = group.add_subparsers(required=True, metavar="ACTION")

    def add(name: str, command: object, text: str, *, of_a_run: bool = True) -> argparse.ArgumentParser:
        action = actions.add_parser(name, help=text)
        if of_a_run:
            action.add_argument("id")
        action.set_defaults(command=command)
        json_flag(action)
        return action

    add("list", _list, "all runs, newest first", of_a_run=False)
    add("show", _show, "state, scores and configuration of a run")
    add("stop", _stop, "finish the batch, save, end as stopped")
    add("pause", _pause, "like stop, but shown as paused")
    add("finish", _finish, "end the training here and score the best epoch so far")
    add("resume", _resume, "continue from the last checkpoint")
    add("rename", _rename, "call the run something else; its id stays").add_argument("name", help="empty: its id again")
    add("note", _note, "write down what the run was for").add_argument("text", help="empty: no note")
    tag = add("tag", _tag, "add tags, or remove them")
    tag.add_argument("tags", nargs="+", metavar="TAG")
    tag.add_argument("--remove", action="store_true", help="remove these tags instead")
    add("delete", _delete, f"move a run that is not running to the trash, for {trash.DAYS:g} days")
    add("restore", _restore, "take a deleted run back out of the trash")
    bin_ = add("trash", _trash, "what was deleted and can be restored", of_a_run=False)
    bin_.add_argument("--empty", action="store_true", help="remove it for good")
    bin_.add_argument("--older-than", type=float, default=0.0, metavar="DAYS", help="with --empty: only what is older")


def _list(args: argparse.Namespace) -> None:
    every = list_runs()
    rankings = {
        name: best_run.rank([run for run in every if run.config.dataset == name]) for name in {r.config.dataset for r in every}
    }
    summaries: list[dict[str, Any]] = [{**runs.summary(run), **_standing(run, rankings[run.config.dataset])} for run in every]
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


def _standing(run: Run, ranking: best_run.Ranking) -> dict[str, bool]:
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
    called = f" ({summary['name']})" if summary["name"] else ""
    print(f"{run.id}{called}: {run.status.word} {summary['detail']}")
    score = _score(summary["results"])
    said = [summary["error"], summary["hint"], score and f"test macro F1 {score}", summary["note"], ", ".join(summary["tags"])]
    for text in filter(None, said):
        print(text)
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
        args, run, f"{run.id} will finish its batch, save and pause. Go on with: python -m engine runs resume {run.id}"
    )


def _finish(args: argparse.Namespace) -> int:
    run = load_run(args.id)
    launcher.finish(run)
    return print_run(args, run, f"{run.id} ends its training here; its best epoch is scored.")


def _resume(args: argparse.Namespace) -> int:
    run = load_run(args.id)
    launcher.resume(run)
    return print_run(args, run, f"{run.id} goes on in the background.")


def _rename(args: argparse.Namespace) -> int:
    run = load_run(args.id)
    update_metadata(run.path, name=args.name)
    return print_run(args, run, f"{run.id} is called {run.title}.")


def _note(args: argparse.Namespace) -> int:
    run = load_run(args.id)
    update_metadata(run.path, note=args.text)
    return print_run(args, run, f"The note of {run.id} was {'written' if run.metadata.note else 'removed'}.")


def _tag(args: argparse.Namespace) -> int:
    run = load_run(args.id)
    kept = [tag for tag in run.metadata.tags if not (args.remove and tag in args.tags)]
    update_metadata(run.path, tags=kept if args.remove else [*kept, *args.tags])
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
    return print_run(args, run, f"{run.id} is back.")


def _trash(args: argparse.Namespace) -> None:
    if args.empty:
        gone = trash.empty(args.older_than)
        print_json({"removed": gone}) if args.json else print(f"Removed for good: {', '.join(gone) or 'nothing'}.")
        return
    held = trash.list_deleted()
    if args.json:
        print_json([{"id": entry.id, "deleted": entry.deleted_at, "bytes": entry.size} for entry in held])
    elif held:
        rows = [[e.id, utc(e.deleted_at), f"{e.size / 1e6:.1f}"] for e in held]
        print_table(["id", "deleted", "MB"], rows)
    else:
        print("The trash is empty.")


def print_run(args: argparse.Namespace, run: Run, text: str) -> int:
    """Print the run's summary as JSON, or the sentence."""
    if args.json:
        print_json(runs.summary(run))
    else:
        print(text)
    return 0
