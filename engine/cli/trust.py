"""`trust`, `slices`, `compare` and `report`: whether to trust a run's score, where it is weak, and whether two runs differ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.output import print_json, print_result, print_table, progress_line
from engine.cli.parameters import FILE, RUN, Choice, Number, json_option, run_argument, split_option
from engine.core.errors import UserError
from engine.core.estimate import Estimate
from engine.evaluation import defaults

if TYPE_CHECKING:
    from engine.data.datasets import Dataset
    from engine.data.filters import Filter
    from engine.runs.run import Run


def _dataset(run: Run) -> Dataset | None:
    """The run's dataset; None where it was removed, because most of the evaluation does not need it."""
    from engine.data.datasets import load_dataset

    try:
        return load_dataset(run.config.dataset)
    except UserError:
        return None


@click.command()
@run_argument
@click.option(
    "--accuracy",
    type=Number(kind=float),
    metavar="SHARE",
    help="accuracy to reach by abstaining on uncertain images, such as 0.98",
)
@click.option(
    "--coverage",
    type=Number(kind=float),
    default=defaults.COVERAGE,
    metavar="SHARE",
    help="how often a conformal set contains the true class",
)
@click.option(
    "--sets",
    type=Choice(defaults.METHODS),
    default=defaults.LAC,
    help="conformal sets with one threshold (lac) or one per class (classwise)",
)
@split_option
@json_option
def trust_command(run: Run, accuracy: float | None, coverage: float, sets: str, split: str, as_json: bool) -> None:
    if accuracy is not None and not 0 < accuracy < 1:
        raise UserError(f"--accuracy is {accuracy:g}.", "It must be between 0 and 1, such as 0.98.")
    from engine.embeddings import dataset_index
    from engine.evaluation import trust
    from engine.evaluation.trust_document import trust_document

    evidence, data = trust.load_evidence(run, split), _dataset(run)
    near_copies = trust.near_copies(evidence, data.catalog.columns(), dataset_index.load_index(data)) if data else None
    document = trust_document(evidence, near_copies, accuracy, coverage, sets)
    if as_json:
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


@click.command()
@run_argument
@click.option("--by", metavar="COLUMN", help="score every slice of one column: a property, class or folder")
@click.option(
    "--filter", metavar="TEXT", help="score one slice, given as a filter in the form that the address of the Explore page uses"
)
@click.option("--support", type=Number(1), default=defaults.SUPPORT, help="minimum number of images per slice")
@split_option
@json_option
def slices_command(run: Run, by: str | None, filter: str | None, support: int, split: str, as_json: bool) -> None:
    if by and filter:
        raise UserError("--by and --filter cannot be combined.", "Choose one of them.")
    from engine.data.datasets import load_dataset
    from engine.evaluation import slices

    data = load_dataset(run.config.dataset)
    images = slices.match_catalog(data.catalog.columns(), run.predictions(split), data.catalog.file)
    search: slices.SliceSearch | None = None
    if filter:
        rows = [slices.measure_slice(images, _parse_filter(data, filter))]
    elif by:
        rows = slices.measure_column(images, by, run.classes).to_dict("records")
    else:
        search = slices.find_worst_slices(images, run.classes, support)
        rows = search.frame.to_dict("records")
    for row in rows:
        row["filter"] = row["filter"].to_text()
    document = {
        "run": run.id,
        "split": split,
        "images": len(images.wrong),
        "left_out": images.excluded,
        "tried": search.tried if search else None,
        "slices": rows,
    }
    if as_json:
        print_json(document)
        return
    print(f"{run.id} on {split}: {int(images.wrong.sum()):,} of {len(images.wrong):,} images were predicted wrongly.")
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


def _parse_filter(data: Dataset, text: str) -> Filter:
    from engine.data.filters import Filter

    parsed, ignored = Filter.from_text(text)
    checked, unknown = data.catalog.check(parsed)
    if ignored or unknown:
        raise UserError(
            " ".join([*ignored, *unknown]), "Copy the filter from the address of the Explore page, such as brightness_-0.3."
        )
    return checked


@click.command()
@click.argument("a", type=RUN, help="id of a run")
@click.argument("b", type=RUN, help="id of another run")
@split_option
@json_option
def compare_command(a: Run, b: Run, split: str, as_json: bool) -> None:
    from engine.evaluation import comparison
    from engine.runs import score_text
    from engine.runs.data_changes import describe_change

    compared = comparison.compare(a.predictions(split), b.predictions(split))
    difference = comparison.measure_difference(compared) if len(compared) else None
    verdict = comparison.verdict(compared, difference, (a.id, b.id))
    notes = [*compared.notes, *filter(None, [describe_change(a, b)])]
    columns = ["path", "true", "answer_a", "answer_b", "confidence_a", "confidence_b"]
    images = {
        fate: compared.with_fate(fate)[columns].to_dict("records")
        for fate in (comparison.FIXED, comparison.BROKEN, comparison.DIFFERENT)
    }
    document = {
        "a": a.id, "b": b.id, "split": split, "images": len(compared), "verdict": verdict, "notes": notes, "counts": compared.counts,
        "mcnemar_p": compared.mcnemar, "difference": difference.to_dict() if difference else None, **images,
    }  # fmt: skip
    if as_json:
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


@click.command()
@run_argument
@click.option(
    "--out",
    type=FILE,
    required=True,
    metavar="FILE",
    help=".html: the report; .md: the model card; .zip: both, with the tables as CSV and Parquet",
)
@split_option
@json_option
def report_command(run: Run, out: str, split: str, as_json: bool) -> None:
    from engine.export.report import write

    file = write(run, Path(out), split, progress_line())
    print_result({"run": run.id, "file": str(file), "bytes": file.stat().st_size}, str(file), as_json)
