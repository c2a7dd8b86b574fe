"""`audit`: what is wrong with a dataset's images and labels; `choose`: which images to label next."""

import argparse
from typing import Any

from engine import curation
from engine.cli.output import json_flag, print_json, print_table, progress_line
from engine.core.number_text import probability
from engine.core.text_output import one_line
from engine.data.datasets import load_dataset

_SHOWN = 3  # findings per kind


def register(commands: argparse._SubParsersAction) -> None:
    audit = commands.add_parser("audit", help="find duplicates, leaks, label errors, outliers and poor-quality images")
    audit.add_argument("--dataset", required=True, metavar="NAME", help="name of a registered dataset")
    audit.add_argument("--kept", action="store_true", help="print the last audit instead of running a new one")
    audit.set_defaults(command=_audit)
    choose = commands.add_parser(
        "choose", help="choose the unlabelled images whose labels would help training most (active learning)"
    )
    choose.add_argument("--dataset", required=True, metavar="NAME", help="name of a registered dataset")
    choose.add_argument("--count", type=int, default=60, help="number of images (default 60)")
    choose.set_defaults(command=_choose)
    for parser in (audit, choose):
        json_flag(parser)


def _audit(args: argparse.Namespace) -> None:
    from engine.curation import run_audit

    data = load_dataset(args.dataset)
    audit = (curation.load_audit(data) if args.kept else None) or run_audit.audit_dataset(data, progress_line())
    if args.json:
        print_json(_document(audit))
        return
    print(f"{data.name}: {audit.document['images']:,} images were checked in {audit.document['seconds']:.0f} s.\n")
    counts = audit.counts()
    print_table(["findings", "kind", ""], [[counts[kind], kind, curation.KINDS[kind].help] for kind in curation.KINDS])
    for kind in (kind for kind, count in counts.items() if count):
        print(f"\n{curation.KINDS[kind].title}, worst first:")
        for finding in [finding for finding in audit.all_findings if finding.kind == kind][:_SHOWN]:
            print(one_line(f"  {finding.score:.3f}  {finding.detail}"))
            for path in finding.paths:
                print(f"         {one_line(path)}")
    print(f"\nDecide on the Clean page. To list all findings: python -m engine audit --dataset {data.name} --kept --json")


def _choose(args: argparse.Namespace) -> None:
    from engine.curation.active_learning import select_for_labelling

    data = load_dataset(args.dataset)
    images = select_for_labelling(data, args.count, progress_line()).to_dict("records")
    if args.json:
        print_json({"dataset": data.name, "count": len(images), "images": images})
        return
    print(f"{data.name}: the {len(images)} images most worth labelling, best first.\n")
    rows = [[probability(image["probability"]), image["predicted"], image["path"]] for image in images]
    print_table(["probability", "predicted class", "image"], rows)


def _document(audit: curation.Audit) -> dict[str, Any]:
    facts = {key: value for key, value in audit.document.items() if key not in ("format", "probabilities")}
    return {**facts, "counts": audit.counts(), "findings": [finding.document() for finding in audit.all_findings]}
