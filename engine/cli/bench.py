"""`bench train | embed | predict | explain`: speed against a plain reference; `bench catalog`: response times; `bench audit`: planted faults."""

import argparse
import dataclasses
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from engine.bench import catalog, explaining, predicting, speed
from engine.bench.rounds import ROUNDS, Row
from engine.bench.sample import BenchImages, sample_dataset, sample_folder
from engine.cli.output import json_flag, print_json, print_table
from engine.core.estimate import Estimate
from engine.data.datasets import load_dataset

_IMAGES = 256  # few, so that a measurement covers several epochs

# Help, the function that declares the arguments, the function that measures.
Bench = tuple[str, Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], Iterator[Row]]]


def _sample_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", help="backbone (default: those of the README's table)")
    parser.add_argument("--dataset", default="demo", help="name of a registered dataset (default: demo)")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="a folder with one subfolder per class, instead of a dataset")


def _speed_arguments(parser: argparse.ArgumentParser) -> None:
    _sample_arguments(parser)
    parser.add_argument("--seconds", type=float, default=60.0, help="measuring time per row, in seconds (default 60)")
    parser.add_argument(
        "--batch", type=int, default=speed.TRAIN_BATCH, help=f"images per training step (default {speed.TRAIN_BATCH})"
    )


def _explain_arguments(parser: argparse.ArgumentParser) -> None:
    _sample_arguments(parser)
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help=f"number of rounds, each with one pair of maps (default {ROUNDS})"
    )


def _sample(args: argparse.Namespace) -> BenchImages:
    return sample_folder(args.data, _IMAGES) if args.data else sample_dataset(args.dataset, _IMAGES)


def _plan(args: argparse.Namespace) -> speed.Plan:
    return speed.Plan(_sample(args), args.seconds, args.batch)


BENCHES: Mapping[str, Bench] = {
    "train": ("images/s of training", _speed_arguments, lambda args: speed.measure_training(_plan(args), args.model)),
    "embed": ("images/s of embedding", _speed_arguments, lambda args: speed.measure_embedding(_plan(args), args.model)),
    "predict": (
        "ms per single prediction, images/s in batches",
        _speed_arguments,
        lambda args: predicting.measure_predicting(_plan(args), args.model),
    ),
    "explain": (
        "ms per pair of Grad-CAM maps",
        _explain_arguments,
        lambda args: explaining.measure_explaining(_sample(args), args.model, args.rounds),
    ),
}


def register(commands: argparse._SubParsersAction) -> None:
    bench = commands.add_parser("bench", help="measure speed against a plain reference, in alternating rounds")
    actions = bench.add_subparsers(required=True, metavar="WHAT")
    for name, (text, declare, measure) in BENCHES.items():
        action = actions.add_parser(name, help=text)
        declare(action)
        json_flag(action)
        action.set_defaults(command=lambda args, measure=measure: _bench(args, measure))
    waits = actions.add_parser("catalog", help="measure how long pages wait for a catalog with many rows")
    waits.add_argument("--rows", type=int, default=1_000_000, help="number of images in the catalog (default 1,000,000)")
    waits.add_argument("--classes", type=int, default=6, help="number of classes (default 6)")
    waits.add_argument("--repeats", type=int, default=catalog.REPEATS, help=f"queries per kind (default {catalog.REPEATS})")
    json_flag(waits)
    waits.set_defaults(command=_catalog)
    faults = actions.add_parser("audit", help="measure how many planted faults the audit finds, and how fast")
    faults.add_argument("--dataset", default="demo", help="name of a registered dataset (default: demo)")
    faults.add_argument("--seed", type=int, default=0, help="seed of the faults (default 0)")
    json_flag(faults)
    faults.set_defaults(command=_audit)


def _bench(args: argparse.Namespace, measure: Callable[[argparse.Namespace], Iterator[Row]]) -> None:
    # SIGTERM behaves like Ctrl-C, so that the measured processes end and their folders are removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    rows = []
    for row in measure(args):
        rows.append(row)
        print(_sentence(row), file=sys.stderr)
    if args.json:
        print_json([dataclasses.asdict(row) for row in rows])
        return
    header = ["measured", "unit", "reference", "ours", "ratio", "95% interval"]
    print_table(
        header,
        [[r.name, r.unit, f"{r.reference:.1f}", f"{r.ours:.1f}", f"{r.ratio:.2f}", _ratio(r).limits(digits=2)] for r in rows],
    )


def _catalog(args: argparse.Namespace) -> None:
    figures = catalog.measure(args.rows, args.classes, args.repeats)
    if args.json:
        print_json(dataclasses.asdict(figures))
        return
    print(f"{figures.rows:,} rows in {figures.classes:,} classes, created in {figures.made:.1f} s")
    print(f"memory: {figures.memory_before:.0f} MB before the first query, {figures.memory:.0f} MB after the last\n")
    rows = [[w.name, f"{w.median:.1f}", f"{w.p95:.1f}", f"{w.worst:.1f}"] for w in figures.waits]
    print_table(["query", "median ms", "p95 ms", "worst ms"], rows)


def _audit(args: argparse.Namespace) -> None:
    from engine.bench import audit

    result = audit.measure(load_dataset(args.dataset), args.seed)
    if args.json:
        print_json(dataclasses.asdict(result))
        return
    rankings = [("ours", result.ours), *([("cleanlab", result.cleanlab)] if result.cleanlab else [])]
    print(
        f"audit of {result.images:,} images with cached embeddings: {result.seconds:.1f} s ({result.processor:.1f} s of processor time)"
    )
    print(f"pairs of byte-identical files: {result.identical_found} of {result.identical} found")
    print(
        f"{result.copies} edited copies: recall {result.recall:.3f}, precision {result.precision:.3f}; {result.there} near pairs before"
    )
    print(f"{result.flipped} flipped labels, on the same out-of-fold probabilities:\n")
    rows = [[name, f"{r.all:.3f}", f"{r.listed:.3f}", f"{r.recall:.3f}"] for name, r in rankings]
    print_table(["ranking", "average precision", "average precision of the listed", "recall of the listed"], rows)


def _sentence(row: Row) -> str:
    return f"{row.name}: {row.ours:.1f} against {row.reference:.1f} {row.unit}, ratio {_ratio(row).text(digits=2)}"


def _ratio(row: Row) -> Estimate:
    return Estimate(row.ratio, row.low, row.high)
