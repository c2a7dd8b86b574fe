"""`audit`: what is wrong with a dataset's images and labels; `choose`: which images to label next."""

import argparse
from typing import Any

from engine import curation
from engine.cli.output import json_flag, print_json, print_table, progress_line
from engine.core.number_text import probability
from engine.core.text_output import one_line
from engine.data.datasets import load_dataset

_SHOWN = 3  # findings of a kind


def register(commands: argparse._SubParsersAction) -> None:
    auditing = commands.add_parser("audit", help="find duplicates, leaks, label errors, outliers and poor images")
    auditing.add_argument("--dataset", required=True, metavar="NAME", help="name of a registered dataset")
    auditing.add_argument("--kept", action="store_true", help="print the last audit instead of running a new one")
    auditing.set_defaults(command=_audit)
    choosing = commands.add_parser("choose", help="the unlabelled images whose labels would help training most (active learning)")
    choosing.add_argument("--dataset", required=True, metavar="NAME", help="name of a registered dataset")
    choosing.add_argument("--count", type=int, default=60, help="how many (default 60)")
    choosing.set_defaults(command=_choose)
    for parser in (auditing, choosing):
        json_flag(parser)


def _audit(args: argparse.Namespace) -> None:
    from engine.curation import run_audit

    data, lines = load_dataset(args.dataset), {}

    def report(phase: str, done: int, total: int) -> None:
        lines.setdefault(phase, progress_line(phase))(done, total)

    made = (curation.load_audit(data) if args.kept else None) or run_audit.audit_dataset(data, report)
    if args.json:
        print_json(document(made))
        return
    print(f"{data.name}: {made.document['images']:,} images were checked in {made.document['seconds']:.0f} s.\n")
    counts = made.counts()
    print_table(["findings", "kind", ""], [[counts[kind], kind, curation.KINDS[kind].help] for kind in curation.KINDS])
    for kind in (kind for kind, count in counts.items() if count):
        print(f"\n{curation.KINDS[kind].title}, worst first:")
        for finding in made.findings(kind).head(_SHOWN).to_dict("records"):
            print(one_line(f"  {finding['score']:.3f}  {finding['detail']}"))
            print("".join(f"         {one_line(path)}\n" for path in finding["paths"]), end="")
    print(f"\nDecide on the Clean page. To list all findings: python -m engine audit --dataset {data.name} --kept --json")


def _choose(args: argparse.Namespace) -> None:
    from engine.curation.active_learning import select_for_labelling

    data, lines = load_dataset(args.dataset), {}

    def report(phase: str, done: int, total: int) -> None:
        lines.setdefault(phase, progress_line(phase))(done, total)

    chosen = select_for_labelling(data, args.count, report)
    if args.json:
        print_json({"dataset": data.name, "count": len(chosen), "images": chosen.to_dict("records")})
        return
    print(f"{data.name}: the {len(chosen)} images most worth labelling, best first.\n")
    rows = [[probability(image["probability"]), image["predicted"], image["path"]] for image in chosen.to_dict("records")]
    print_table(["likely", "class", "image"], rows)


def document(made: curation.Audit) -> dict[str, Any]:
    """The audit as one JSON document."""
    said = {key: value for key, value in made.document.items() if key not in ("format", "probabilities")}
    return {**said, "counts": made.counts(), "findings": [found.document() for found in made.all_findings]}
