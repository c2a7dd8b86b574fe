"""`trust`, `slices`, `compare` and `report`: whether to believe a run's score, where it is weak, and whether two runs differ."""

import argparse
from pathlib import Path
from typing import Any

from engine.cli.output import json_flag, print_json, print_table, progress_line
from engine.core.errors import UserError
from engine.data.datasets import Dataset, load_dataset
from engine.data.filters import Filter
from engine.embeddings import dataset_index
from engine.evaluation import comparison, conformal, slices, tables, trust
from engine.evaluation.trust_document import trust_document
from engine.runs import score_text
from engine.runs.data_changes import describe_change
from engine.runs.run import Run, load_run


def register(commands: argparse._SubParsersAction) -> None:
    believe = commands.add_parser(
        "trust", help="calibration, selective prediction, conformal sets, near-duplicates: whether to trust a score"
    )
    believe.add_argument("id")
    believe.add_argument("--accuracy", type=float, metavar="SHARE", help="the accuracy to reach, such as 0.98")
    believe.add_argument(
        "--coverage", type=float, default=trust.COVERAGE, metavar="SHARE", help="how often sets hold the truth (0.95)"
    )
    believe.add_argument(
        "--sets", choices=conformal.METHODS, default=conformal.LAC, help="thresholds for all classes, or by class"
    )
    believe.set_defaults(command=_trust)
    weak = commands.add_parser("slices", help="slices: where a run makes more errors than the class mix explains")
    weak.add_argument("id")
    weak.add_argument("--by", metavar="COLUMN", help="score each part of one column: a property, class, or folder")
    weak.add_argument("--filter", metavar="TEXT", help="score one slice: a filter as Explore's address has it")
    weak.add_argument("--support", type=int, default=slices.SUPPORT, help=f"fewest images of a slice (default {slices.SUPPORT})")
    weak.set_defaults(command=_slices)
    two = commands.add_parser("compare", help="whether run B differs from run A, in which classes, on which images")
    two.add_argument("a", metavar="A")
    two.add_argument("b", metavar="B")
    two.set_defaults(command=_compare)
    told = commands.add_parser("report", help="a run's evaluation as one file to keep or to send")
    told.add_argument("id")
    told.add_argument(
        "--out",
        required=True,
        metavar="FILE",
        help=".html: the report; .md: the model card; .zip: both, with the tables as CSV and Parquet",
    )
    told.set_defaults(command=_report)
    for parser in (believe, weak, two, told):
        parser.add_argument(
            "--split", default="test", choices=("test", "validation", "train"), help="test (default), validation or train"
        )
        json_flag(parser)


def _dataset(run: Run) -> Dataset | None:
    """The run's dataset; None where it is gone: most of the evidence does not need it."""
    try:
        return load_dataset(run.config.dataset)
    except UserError:
        return None


def _trust(args: argparse.Namespace) -> None:
    run = load_run(args.id)
    if args.accuracy is not None and not 0 < args.accuracy < 1:
        raise UserError(f"--accuracy is {args.accuracy:g}.", "Give a share between 0 and 1, such as 0.98.")
    of, data = trust.load_evidence(run, args.split), _dataset(run)
    near = trust.near_copies(of, data.catalog.columns(), dataset_index.load_index(data)) if data else None
    document = trust_document(of, near, args.accuracy, args.coverage, args.sets)
    if args.json:
        print_json(document)
        return
    print("\n".join(document["sentences"].values()), end="\n\n")
    shown = [[f"{row['low']:.2f} to {row['high']:.2f}", row["n"], f"{row['confidence']:.3f}", f"{row['accuracy']:.3f}",
              f"{row['accuracy_low']:.3f} to {row['accuracy_high']:.3f}"] for row in document["reliability"]]  # fmt: skip
    print_table(["confidence", "images", "mean", "right", "95%"], shown)
    print()
    rows = [
        [row["class"], *(_interval(row, name) for name in ("precision", "recall", "f1")), row["support"]]
        for row in document["per_class"]
    ]
    print_table(["class", "precision", "recall", "F1", "images"], rows)


def _interval(row: dict, name: str) -> str:
    return "-" if row[name] != row[name] else f"{row[name]:.3f} ({row[f'{name}_low']:.3f} to {row[f'{name}_high']:.3f})"


def _slices(args: argparse.Namespace) -> None:
    run = load_run(args.id)
    if args.by and args.filter:
        raise UserError("--by and --filter ask for different things.", "Give one of them.")
    if args.support < 1:
        raise UserError(f"--support is {args.support}.", "Ask for at least one image.")
    data = load_dataset(run.config.dataset)
    of = slices.match_catalog(data.catalog.columns(), tables.load_predictions(run, args.split), data.catalog.file)
    tried, beyond_chance = None, 0
    if args.filter:
        result = [slices.measure_slice(of, _filter(data, args.filter))]
    elif args.by:
        result = slices.measure_column(of, args.by, run.classes).to_dict("records")
    else:
        worst = slices.find_worst_slices(of, run.classes, args.support)
        result, tried = worst.frame.to_dict("records"), worst.tried
        beyond_chance = len(worst.beyond_chance)
    for row in result:
        row["filter"] = row["filter"].to_text()
    document = {
        "run": run.id,
        "split": args.split,
        "images": len(of.wrong),
        "left_out": of.excluded,
        "tried": tried,
        "slices": result,
    }
    if args.json:
        print_json(document)
        return
    print(f"{run.id} on {args.split}: {int(of.wrong.sum()):,} of {len(of.wrong):,} images are wrong.")
    if of.excluded:
        print(f"{of.excluded:,} images have changed or disappeared since the scoring and are excluded.")
    if tried is not None:
        verb = "is" if beyond_chance in (0, 1) else "are"
        print(
            f"Of {tried:,} slices tried, {beyond_chance or 'none'} {verb} weak beyond chance and beyond what the class mix "
            "explains."
        )
    rows = [[row["words"], row["n"], row["wrong"], f"{row['error']:.1%}", f"{row['expected']:.1%}", f"{row['p']:.2g}",
             *([f"{row['p_holm']:.2g}"] if "p_holm" in row else [])] for row in result]  # fmt: skip
    print()
    print_table(["slice", "images", "wrong", "rate", "expected", "p", *(["p (Holm)"] if tried is not None else [])], rows)


def _filter(data: Dataset, text: str) -> Filter:
    wanted, ignored = Filter.from_text(text)
    wanted, unknown = data.catalog.check(wanted)
    if ignored or unknown:
        raise UserError(
            " ".join([*ignored, *unknown]), "Copy the filter from the address of the Explore page, such as brightness_-0.3."
        )
    return wanted


def _compare(args: argparse.Namespace) -> None:
    a, b = load_run(args.a), load_run(args.b)
    result = comparison.compare(
        tables.load_predictions(a, args.split), tables.load_predictions(b, args.split), a.classes, b.classes, (a.id, b.id)
    )
    difference = comparison.measure_difference(result) if len(result) else None
    said = comparison.verdict(result, difference, (a.id, b.id))
    notes = [*result.notes, *filter(None, [describe_change(a, b)])]
    columns = ["path", "true", "answer_a", "answer_b", "confidence_a", "confidence_b"]
    images = {
        fate: result.with_fate(fate)[columns].to_dict("records")
        for fate in (comparison.FIXED, comparison.BROKEN, comparison.DIFFERENT)
    }
    document: dict[str, Any] = {
        "a": a.id, "b": b.id, "split": args.split, "images": len(result), "verdict": said, "notes": notes, "counts": result.counts,
        "mcnemar_p": result.mcnemar, "difference": difference.to_dict() if difference else None, **images,
    }  # fmt: skip
    if args.json:
        print_json(document)
        return
    print("\n".join([said, *notes]))
    if difference is None:
        return
    print()
    for name, of in (("accuracy", difference.accuracy), ("macro F1", difference.macro_f1)):
        key = name.replace(" ", "_").lower()
        over = score_text.scored_classes(document["difference"]) if key == "macro_f1" else ""
        print(
            f"{name:8}  {difference.a[key]:.4f} -> {difference.b[key]:.4f}: {of.value:+.4f} (95%: {of.low:+.4f} to {of.high:+.4f}){over}"
        )
    print()
    rows = [[row["class"], row["n"], f"{row['recall']:+.3f} ({row['recall_low']:+.3f} to {row['recall_high']:+.3f})",
             f"{row['f1']:+.3f} ({row['f1_low']:+.3f} to {row['f1_high']:+.3f})", row["fixed"], row["broken"]]
            for row in difference.by_class.to_dict("records")]  # fmt: skip
    print_table(["class", "images", "recall", "F1", "fixed", "broken"], rows)


def _report(args: argparse.Namespace) -> None:
    from engine.export.report import write

    run = load_run(args.id)
    written = write(run, Path(args.out), args.split, progress_line("writing"))
    print_json({"run": run.id, "file": str(written), "bytes": written.stat().st_size}) if args.json else print(written)
