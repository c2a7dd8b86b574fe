"""`export` and `import`: a run's model as a file for other programs, and a file as a run."""

import argparse
from pathlib import Path

from engine.cli.output import json_flag, print_json, progress_line
from engine.core.errors import UserError
from engine.core.estimate import Estimate
from engine.export.formats import FORMATS
from engine.runs.run import load_run, summary


def register(commands: argparse._SubParsersAction) -> None:
    export = commands.add_parser(
        "export", help="export a run's model as a file, after checking its predictions against the model's"
    )
    export.add_argument("id", help="id of a run")
    export.add_argument("--format", choices=list(FORMATS), default="bundle", help="format of the file (default bundle)")
    export.add_argument(
        "--out", type=Path, metavar="FILE", help="file to write (default: the run's id with the format's extension)"
    )
    export.set_defaults(command=_export)
    import_ = commands.add_parser("import", help="import a bundle, or a state dict with its architecture, as a run")
    import_.add_argument("file", type=Path)
    import_.add_argument("--model", default="", help="architecture of a state dict, such as resnet50")
    import_.add_argument("--classes", default="", help="class names in the order of the outputs: a,b,c")
    import_.add_argument("--size", type=int, default=224, help="side of the square input, in pixels (default 224)")
    import_.add_argument("--mean", default="", help="mean of R, G, B from 0 to 1 (default: the architecture's): 0.5,0.5,0.5")
    import_.add_argument("--std", default="", help="standard deviation of R, G, B (default: the architecture's)")
    import_.add_argument("--dataset", default="", help="dataset that the run belongs to (default: the one with the same classes)")
    import_.set_defaults(command=_import)
    for parser in (export, import_):
        json_flag(parser)


def _export(args: argparse.Namespace) -> None:
    run = load_run(args.id)
    file = args.out or Path(f"{run.id}{FORMATS[args.format].suffix}")
    if file.is_dir():
        raise UserError(f"{str(file)!r} is a folder.", "Give the name of a file.")
    from engine.export.export import export

    exported = export(run, args.format, file, progress_line())
    if args.json:
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


def _import(args: argparse.Namespace) -> None:
    from engine.export.importing import import_file

    classes = [name.strip() for name in args.classes.split(",") if name.strip()]
    result = import_file(
        args.file, args.model, classes, args.size, args.dataset, _parse_rgb("mean", args.mean), _parse_rgb("std", args.std)
    )
    if args.json:
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
