"""`bench train | embed | predict | explain`: speed against a plain reference; `bench catalog`: response times; `bench audit`: planted faults."""

import dataclasses
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from engine.bench import catalog, explaining, predicting, speed
from engine.bench.rounds import ROUNDS, Row
from engine.bench.sample import BenchImages, sample_dataset, sample_folder
from engine.cli.commands import Group
from engine.cli.output import print_json, print_table
from engine.cli.parameters import DATASET, FOLDER, Number, combine, complete_backbones, complete_datasets, json_option
from engine.core.estimate import Estimate
from engine.data.datasets import Dataset

_IMAGES = 256  # few, so that a measurement covers several epochs


bench_command = Group("bench")


_sample_options = combine(
    click.option("--model", shell_complete=complete_backbones, help="backbone (default: those of the README's table)"),
    click.option(
        "--dataset", default="demo", metavar="NAME", shell_complete=complete_datasets, help="name of a registered dataset"
    ),
    click.option("--data", type=FOLDER, metavar="FOLDER", help="a folder with one subfolder per class, instead of a dataset"),
)


def _sample(dataset: str, data: str | None) -> BenchImages:
    return sample_folder(Path(data), _IMAGES) if data else sample_dataset(dataset, _IMAGES)


def _speed_command(name: str, text: str, measure: Callable[[speed.Plan, str | None], Iterator[Row]]) -> None:
    @bench_command.command(name, help=text)
    @_sample_options
    @click.option("--seconds", type=Number(kind=float), default=60.0, help="measuring time per row, in seconds")
    @click.option("--batch", type=Number(), default=speed.TRAIN_BATCH, help="images per training step")
    @json_option
    def run(model: str | None, dataset: str, data: str | None, seconds: float, batch: int, as_json: bool) -> None:
        _bench(lambda: measure(speed.Plan(_sample(dataset, data), seconds, batch), model), as_json)


_speed_command("train", "Measure images/s of training.", speed.measure_training)
_speed_command("embed", "Measure images/s of embedding.", speed.measure_embedding)
_speed_command("predict", "Measure ms per single prediction, and images/s in batches.", predicting.measure_predicting)


@bench_command.command("explain", help="Measure ms per pair of Grad-CAM maps.")
@_sample_options
@click.option("--rounds", type=Number(), default=ROUNDS, help="number of rounds, each with one pair of maps")
@json_option
def _explain(model: str | None, dataset: str, data: str | None, rounds: int, as_json: bool) -> None:
    _bench(lambda: explaining.measure_explaining(_sample(dataset, data), model, rounds), as_json)


def _bench(measure: Callable[[], Iterator[Row]], as_json: bool) -> None:
    # SIGTERM behaves like Ctrl-C, so that the measured processes end and their folders are removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    rows = []
    for row in measure():
        rows.append(row)
        print(_sentence(row), file=sys.stderr)
    if as_json:
        print_json([dataclasses.asdict(row) for row in rows])
        return
    header = ["measured", "unit", "reference", "ours", "ratio", "95% interval"]
    print_table(
        header,
        [[r.name, r.unit, f"{r.reference:.1f}", f"{r.ours:.1f}", f"{r.ratio:.2f}", _ratio(r).limits(digits=2)] for r in rows],
    )


@bench_command.command("catalog", help="Measure how long pages wait for a catalog with many rows.")
@click.option("--rows", type=Number(), default=1_000_000, help="number of images in the catalog")
@click.option("--classes", type=Number(), default=6, help="number of classes")
@click.option("--repeats", type=Number(), default=catalog.REPEATS, help="queries per kind")
@json_option
def _catalog(rows: int, classes: int, repeats: int, as_json: bool) -> None:
    figures = catalog.measure(rows, classes, repeats)
    if as_json:
        print_json(dataclasses.asdict(figures))
        return
    print(f"{figures.rows:,} rows in {figures.classes:,} classes, created in {figures.made:.1f} s")
    print(f"memory: {figures.memory_before:.0f} MB before the first query, {figures.memory:.0f} MB after the last\n")
    waits = [[w.name, f"{w.median:.1f}", f"{w.p95:.1f}", f"{w.worst:.1f}"] for w in figures.waits]
    print_table(["query", "median ms", "p95 ms", "worst ms"], waits)


@bench_command.command("audit", help="Measure how many planted faults the audit finds, and how fast.")
@click.option("--dataset", type=DATASET, default="demo", help="name of a registered dataset")
@click.option("--seed", type=Number(), default=0, help="seed of the faults")
@json_option
def _audit(dataset: Dataset, seed: int, as_json: bool) -> None:
    from engine.bench import audit

    result = audit.measure(dataset, seed)
    if as_json:
        print_json(dataclasses.asdict(result))
        return
    rankings = [("the audit's", result.ours), ("cleanlab's defaults", result.cleanlab)]
    print(
        f"audit of {result.images:,} images with cached embeddings: {result.seconds:.1f} s ({result.processor:.1f} s of processor time)"
    )
    print(f"pairs of byte-identical files: {result.identical_found} of {result.identical} found")
    print(
        f"{result.copies} edited copies: recall {result.recall:.3f}, precision {result.precision:.3f}; {result.there} near pairs before"
    )
    print(f"{result.flipped} flipped labels, on the same out-of-fold probabilities:\n")
    rows = [[name, f"{r.all:.3f}", f"{r.listed:.3f}", f"{r.recall:.3f}"] for name, r in rankings]
    print_table(["list", "average precision", "average precision of the listed", "recall of the listed"], rows)


def _sentence(row: Row) -> str:
    return f"{row.name}: {row.ours:.1f} against {row.reference:.1f} {row.unit}, ratio {_ratio(row).text(digits=2)}"


def _ratio(row: Row) -> Estimate:
    return Estimate(row.ratio, row.low, row.high)
