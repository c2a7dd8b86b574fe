"""`export` and `import`: a run's model as a file for other programs, and a file as a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.output import print_json, progress_line
from engine.cli.parameters import FILE, Choice, Number, complete_datasets, json_option, run_argument
from engine.core.errors import UserError
from engine.core.estimate import Estimate
from engine.export.formats import FORMATS

if TYPE_CHECKING:
    from engine.runs.run import Run


@click.command()
@run_argument
@click.option("--format", type=Choice(FORMATS), default="bundle", help="format of the file")
@click.option("--out", type=FILE, metavar="FILE", help="file to write (default: the run's id with the format's extension)")
@json_option
def export_command(run: Run, format: str, out: str | None, as_json: bool) -> None:
    file = Path(out or f"{run.id}{FORMATS[format].suffix}")
    if file.is_dir():
        raise UserError(f"{str(file)!r} is a folder.", "Give the name of a file.")
    from engine.export.export import export

    exported = export(run, format, file, progress_line())
    if as_json:
        print_json(exported.to_dict())
        return
    print(f"{exported.file}: {exported.bytes / 1e6:.1f} MB, checked on {exported.checked_on}")
    print(f"against the model in float32: {exported.parity}")
    print(f"against the predictions on the pages ({exported.shown_in}): {exported.as_shown}")
    extra = exported.extra
    if extra:
        print(
            f"accuracy on {extra['images']:,} images: {extra['accuracy_int8']:.4f}, float32 {extra['accuracy_float32']:.4f}; "
            f"loss {Estimate(**extra['accuracy_lost']).text(digits=4, named=True)}"
        )
        print(
            f"time per image: {extra['ms_int8']:.1f} ms, float32 {extra['ms_float32']:.1f} ms, {extra['times_faster']:.2f} times faster"
        )


@click.command()
@click.argument("file", type=FILE, help="a bundle, or a .safetensors or .pth file with a state dict")
@click.option("--model", default="", show_default=False, help="architecture of a state dict, such as resnet50")
@click.option("--classes", default="", show_default=False, help="class names in the order of the outputs: a,b,c")
@click.option("--size", type=Number(), default=224, help="side of the square input, in pixels")
@click.option(
    "--mean", default="", show_default=False, help="mean of R, G, B from 0 to 1 (default: the architecture's): 0.5,0.5,0.5"
)
@click.option("--std", default="", show_default=False, help="standard deviation of R, G, B (default: the architecture's)")
@click.option(
    "--dataset",
    default="",
    show_default=False,
    shell_complete=complete_datasets,
    help="dataset that the run belongs to (default: the one with the same classes)",
)
@json_option
def import_command(file: str, model: str, classes: str, size: int, mean: str, std: str, dataset: str, as_json: bool) -> None:
    from engine.export.importing import import_file
    from engine.runs.run import summary

    names = [name.strip() for name in classes.split(",") if name.strip()]
    result = import_file(Path(file), model, names, size, dataset, _parse_rgb("mean", mean), _parse_rgb("std", std))
    if as_json:
        print_json({**summary(result.run), "report": list(result.report)})
        return
    print(result.run.id)
    print("\n".join(result.report))
    print(f"Score it with: python -m engine evaluate {result.run.id}")


def _parse_rgb(name: str, text: str) -> list[float]:
    try:
        values = [float(part) for part in text.split(",")] if text else []
    except ValueError:
        values = [0.0]  # one value: refused below with the same message
    if len(values) not in (0, 3):
        raise UserError(f"--{name} is {text!r}.", f"Give three numbers: --{name} 0.5,0.5,0.5")
    return values
