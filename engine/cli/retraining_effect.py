"""`proof`: did cleaning help, or only move the goalposts?"""

import argparse

from engine.cli.output import json_flag, print_json, print_table
from engine.core.errors import UserError
from engine.curation.retraining_effect import conclusion, load_test_labels, measure_effect, unscored_images
from engine.data.datasets import load_dataset
from engine.runs.run import load_run

_LABELS = {"cleaned": "on the cleaned test labels", "original": "on the original test labels"}


def register(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("proof", help="two runs, before and after cleaning, under both sets of test labels")
    parser.add_argument("--before", required=True, metavar="ID")
    parser.add_argument("--after", metavar="ID", help="without it, a run like --before is started on the labels as they are now")
    parser.set_defaults(command=_proof)
    json_flag(parser)


def _proof(args: argparse.Namespace) -> None:
    before = load_run(args.before)
    if args.after is None:
        from engine.curation import fair_holdout

        after = fair_holdout.retrain(before)
        if args.json:
            print_json({"before": before.id, "after": after.id, "state": after.status.state})
            return
        print(f"{after.id} learns from the labels of version {after.labels}; when it has finished:")
        print(f"python -m engine proof --before {before.id} --after {after.id}")
        return
    after = load_run(args.after)
    if before.config.dataset != after.config.dataset:
        raise UserError(f"{before.id} and {after.id} are of two datasets.", "Compare runs of one dataset.")
    data = load_dataset(after.config.dataset)
    labels = load_test_labels(data, after.labels)
    for one in (before, after):
        if len(unscored_images(one, labels)):  # torch is loaded where it is needed
            from engine.curation import fair_holdout

            fair_holdout.score_missing(one, data, after.labels)
    result = measure_effect(before, after, data)
    document = result.document()
    if args.json:
        print_json(document)
        return
    print(f"{conclusion(result)}\n")
    rows = []
    for key, words in _LABELS.items():
        said, side = document[key], getattr(result, key).difference
        p = f"{said['mcnemar']:.2g}"
        rows.append([words, said["n"], f"{side.a['accuracy']:.4f}", f"{side.b['accuracy']:.4f}", str(side.accuracy), p])
    print_table(["", "images", before.id, after.id, "difference in accuracy, 95%", "p"], rows)
