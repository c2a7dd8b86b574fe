"""`trust`, `slices`, `compare` and `report`: whether to trust a run's score, where it is weak, and whether two runs differ."""

import argparse
from pathlib import Path

from engine.cli.output import json_flag, print_json, print_table, progress_line
from engine.core.errors import UserError
from engine.core.estimate import Estimate
from engine.data.datasets import Dataset, load_dataset
from engine.data.filters import Filter
from engine.embeddings import dataset_index
from engine.evaluation import comparison, conformal, slices, tables, trust
from engine.evaluation.trust_document import trust_document
from engine.runs import score_text
from engine.runs.data_changes import describe_change
from engine.runs.run import Run, load_run


def register(commands: argparse._SubParsersAction) -> None:
    trust_ = commands.add_parser(
        "trust", help="calibration, selective prediction, conformal sets, near-duplicates: whether to trust a score"
    )
    trust_.add_argument("id", help="id of a run")
    trust_.add_argument(
        "--accuracy", type=float, metavar="SHARE", help="accuracy to reach by abstaining on uncertain images, such as 0.98"
    )
    trust_.add_argument(
        "--coverage",
        type=float,
        default=trust.COVERAGE,
        metavar="SHARE",
        help=f"how often a conformal set contains the true class (default {trust.COVERAGE:g})",
    )
    trust_.add_argument(
        "--sets",
        choices=conformal.METHODS,
        default=conformal.LAC,
        help=f"conformal sets with one threshold (lac) or one per class (classwise) (default {conformal.LAC})",
    )
    trust_.set_defaults(command=_trust)
    slices_ = commands.add_parser("slices", help="find slices in which a run makes more errors than the class mix explains")
    slices_.add_argument("id", help="id of a run")
    slices_.add_argument("--by", metavar="COLUMN", help="score every slice of one column: a property, class or folder")
    slices_.add_argument(
        "--filter",
        metavar="TEXT",
        help="score one slice, given as a filter in the form that the address of the Explore page uses",
    )
    slices_.add_argument(
        "--support", type=int, default=slices.SUPPORT, help=f"minimum number of images per slice (default {slices.SUPPORT})"
    )
    slices_.set_defaults(command=_slices)
    compare = commands.add_parser(
        "compare", help="compare two runs: whether B differs from A, in which classes and on which images"
    )
    compare.add_argument("a", metavar="A")
    compare.add_argument("b", metavar="B")
    compare.set_defaults(command=_compare)
    report = commands.add_parser("report", help="write a run's evaluation as one file to keep or to send")
    report.add_argument("id", help="id of a run")
    report.add_argument(
        "--out",
        required=True,
        metavar="FILE",
        help=".html: the report; .md: the model card; .zip: both, with the tables as CSV and Parquet",
    )
    report.set_defaults(command=_report)
    for parser in (trust_, slices_, compare, report):
        parser.add_argument(
            "--split", default="test", choices=("test", "validation", "train"), help="test (default), validation or train"
        )
        json_flag(parser)


def _dataset(run: Run) -> Dataset | None:
    """The run's dataset; None where it was removed, because most of the evaluation does not need it."""
    try:
        return load_dataset(run.config.dataset)
    except UserError:
        return None


def _trust(args: argparse.Namespace) -> None:
    run = load_run(args.id)
    if args.accuracy is not None and not 0 < args.accuracy < 1:
        raise UserError(f"--accuracy is {args.accuracy:g}.", "It must be between 0 and 1, such as 0.98.")
    evidence, data = trust.load_evidence(run, args.split), _dataset(run)
    near_copies = trust.near_copies(evidence, data.catalog.columns(), dataset_index.load_index(data)) if data else None
    document = trust_document(evidence, near_copies, args.accuracy, args.coverage, args.sets)
    if args.json:
        print_json(document)
        return
    print("\n".join(document["sentences"].values()), end="\n\n")
    bins = [[f"{row['low']:.2f} to {row['high']:.2f}", row["n"], f"{row['confidence']:.3f}", f"{row['accuracy']:.3f}",
              Estimate.from_row(row, "accuracy").limits()] for row in document["reliability"]]  # fmt: skip
    print_table(["confidence", "images", "mean confidence", "accuracy", "95%"], bins)
    print()
    rows = [
        [row["class"], *(str(Estimate.from_row(row, name)) for name in ("precision", "recall", "f1")), row["support"]]
        for row in document["per_class"]
    ]
    print_table(["class", "precision", "recall", "F1", "images"], rows)


def _slices(args: argparse.Namespace) -> None:
    run = load_run(args.id)
    if args.by and args.filter:
        raise UserError("--by and --filter cannot be combined.", "Choose one of them.")
    if args.support < 1:
        raise UserError(f"--support is {args.support}.", "It must be at least 1.")
    data = load_dataset(run.config.dataset)
    images = slices.match_catalog(data.catalog.columns(), tables.load_predictions(run, args.split), data.catalog.file)
    search: slices.SliceSearch | None = None
    if args.filter:
        rows = [slices.measure_slice(images, _filter(data, args.filter))]
    elif args.by:
        rows = slices.measure_column(images, args.by, run.classes).to_dict("records")
    else:
        search = slices.find_worst_slices(images, run.classes, args.support)
        rows = search.frame.to_dict("records")
    for row in rows:
        row["filter"] = row["filter"].to_text()
    document = {
        "run": run.id,
        "split": args.split,
        "images": len(images.wrong),
        "left_out": images.excluded,
        "tried": search.tried if search else None,
        "slices": rows,
    }
    if args.json:
        print_json(document)
        return
    print(f"{run.id} on {args.split}: {int(images.wrong.sum()):,} of {len(images.wrong):,} images were predicted wrongly.")
    if images.excluded:
        print(f"{images.excluded:,} images have changed or been removed since they were scored, and are left out.")
    if search:
        weak = len(search.beyond_chance)
        print(
            f"Of {search.tried:,} slices tried, {weak or 'none'} {'is' if weak in (0, 1) else 'are'} weaker than chance and the class mix "
            "explain."
        )
    shown = [[row["words"], row["n"], row["wrong"], f"{row['error']:.1%}", f"{row['expected']:.1%}", f"{row['p']:.2g}",
             *([f"{row['p_holm']:.2g}"] if "p_holm" in row else [])] for row in rows]  # fmt: skip
    print()
    print_table(["slice", "images", "wrong", "rate", "expected", "p", *(["p (Holm)"] if search else [])], shown)


def _filter(data: Dataset, text: str) -> Filter:
    parsed, ignored = Filter.from_text(text)
    checked, unknown = data.catalog.check(parsed)
    if ignored or unknown:
        raise UserError(
            " ".join([*ignored, *unknown]), "Copy the filter from the address of the Explore page, such as brightness_-0.3."
        )
    return checked


def _compare(args: argparse.Namespace) -> None:
    a, b = load_run(args.a), load_run(args.b)
    compared = comparison.compare(
        tables.load_predictions(a, args.split), tables.load_predictions(b, args.split), a.classes, b.classes, (a.id, b.id)
    )
    difference = comparison.measure_difference(compared) if len(compared) else None
    verdict = comparison.verdict(compared, difference, (a.id, b.id))
    notes = [*compared.notes, *filter(None, [describe_change(a, b)])]
    columns = ["path", "true", "answer_a", "answer_b", "confidence_a", "confidence_b"]
    images = {
        fate: compared.with_fate(fate)[columns].to_dict("records")
        for fate in (comparison.FIXED, comparison.BROKEN, comparison.DIFFERENT)
    }
    document = {
        "a": a.id, "b": b.id, "split": args.split, "images": len(compared), "verdict": verdict, "notes": notes, "counts": compared.counts,
        "mcnemar_p": compared.mcnemar, "difference": difference.to_dict() if difference else None, **images,
    }  # fmt: skip
    if args.json:
        print_json(document)
        return
    print("\n".join([verdict, *notes]))
    if difference is None:
        return
    print()
    for name, gain in (("accuracy", difference.accuracy), ("macro F1", difference.macro_f1)):
        key = name.replace(" ", "_").lower()
        classes = score_text.scored_classes(difference.to_dict()) if key == "macro_f1" else ""
        gained = gain.text(digits=4, signed=True, named=True)
        print(f"{name:8}  {difference.a[key]:.4f} -> {difference.b[key]:.4f}: {gained}{classes}")
    print()
    rows = [
        [
            row["class"],
            row["n"],
            *(Estimate.from_row(row, score).text(signed=True) for score in ("recall", "f1")),
            row["fixed"],
            row["broken"],
        ]
        for row in difference.by_class.to_dict("records")
    ]
    print_table(["class", "images", "recall", "F1", "fixed", "broken"], rows)


def _report(args: argparse.Namespace) -> None:
    from engine.export.report import write

    run = load_run(args.id)
    file = write(run, Path(args.out), args.split, progress_line())
    if args.json:
        print_json({"run": run.id, "file": str(file), "bytes": file.stat().st_size})
    else:
        print(file)
