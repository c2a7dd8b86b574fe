"""`audit`: what is wrong with a dataset's images and labels; `choose`: which images to label next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from engine.cli.output import print_json, print_table, progress_line
from engine.cli.parameters import Number, dataset_option, json_option
from engine.core.number_text import probability
from engine.core.text_output import one_line

if TYPE_CHECKING:
    from engine.curation import Audit
    from engine.data.datasets import Dataset

_SHOWN = 3  # findings per kind


@click.command()
@dataset_option
@click.option("--kept", is_flag=True, help="print the last audit instead of running a new one")
@json_option
def audit_command(dataset: Dataset, kept: bool, as_json: bool) -> None:
    from engine import curation
    from engine.curation import run_audit

    audit = (curation.load_audit(dataset) if kept else None) or run_audit.audit_dataset(dataset, progress_line())
    if as_json:
        print_json(_document(audit))
        return
    print(f"{dataset.name}: {audit.document['images']:,} images were checked in {audit.document['seconds']:.0f} s.\n")
    counts = audit.counts()
    print_table(["findings", "kind", ""], [[counts[kind], kind, curation.KINDS[kind].help] for kind in curation.KINDS])
    for kind in (kind for kind, count in counts.items() if count):
        print(f"\n{curation.KINDS[kind].title}, worst first:")
        for finding in [finding for finding in audit.all_findings if finding.kind == kind][:_SHOWN]:
            print(one_line(f"  {finding.score:.3f}  {finding.detail}"))
            for path in finding.paths:
                print(f"         {one_line(path)}")
    print(f"\nDecide on the Clean page. To list all findings: python -m engine audit --dataset {dataset.name} --kept --json")


@click.command()
@dataset_option
@click.option("--count", type=Number(), default=60, help="number of images")
@json_option
def choose_command(dataset: Dataset, count: int, as_json: bool) -> None:
    from engine.curation.active_learning import select_for_labelling

    images = select_for_labelling(dataset, count, progress_line()).to_dict("records")
    if as_json:
        print_json({"dataset": dataset.name, "count": len(images), "images": images})
        return
    print(f"{dataset.name}: the {len(images)} images most worth labelling, best first.\n")
    rows = [[probability(image["probability"]), image["predicted"], image["path"]] for image in images]
    print_table(["probability", "predicted class", "image"], rows)


def _document(audit: Audit) -> dict[str, Any]:
    facts = {key: value for key, value in audit.document.items() if key not in ("format", "probabilities")}
    return {**facts, "counts": audit.counts(), "findings": [finding.document() for finding in audit.all_findings]}
