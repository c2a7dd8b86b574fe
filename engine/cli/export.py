"""`export` and `import`: a model for another program, and back."""

import argparse
from pathlib import Path

from engine.cli.output import json_flag, print_json, progress_line
from engine.core.errors import UserError
from engine.export.formats import FORMATS
from engine.runs.run import load_run, summary


def register(commands: argparse._SubParsersAction) -> None:
    out = commands.add_parser("export", help="export a run's model as a file, checked against the model")
    out.add_argument("id")
    out.add_argument("--format", choices=list(FORMATS), default="bundle", help="default: bundle")
    out.add_argument("--out", type=Path, metavar="FILE", help="default: the run's id with the format's ending")
    out.set_defaults(command=_export)
    back = commands.add_parser("import", help="import a bundle, or a state-dict file and its architecture, as a run")
    back.add_argument("file", type=Path)
    back.add_argument("--model", default="", help="architecture of a state-dict file, such as resnet50")
    back.add_argument("--classes", default="", help="its classes in the order of its outputs: a,b,c")
    back.add_argument("--size", type=int, default=224, help="side of the square that it sees, in pixels (default 224)")
    back.add_argument("--mean", default="", help="of RGB in 0..1, where it is not the architecture's own: 0.5,0.5,0.5")
    back.add_argument("--std", default="", help="the same for the standard deviation")
    back.add_argument("--dataset", default="", help="that the run belongs to (default: the one of the same classes)")
    back.set_defaults(command=_import)
    for parser in (out, back):
        json_flag(parser)


def _export(args: argparse.Namespace) -> None:
    run = load_run(args.id)
    file = args.out or Path(f"{run.id}{FORMATS[args.format].suffix}")
    if file.is_dir():
        raise UserError(f"{str(file)!r} is a folder.", "Name a file.")
    from engine.export.export import export

    lines = {}

    def report(phase: str, done: int, total: int) -> None:
        lines.setdefault(phase, progress_line(phase))(done, total)

    handed = export(run, args.format, file, report)
    if args.json:
        print_json(handed.to_dict())
        return
    print(f"{handed.file}: {handed.bytes / 1e6:.1f} MB, checked on {handed.checked_on}")
    print(f"against the model in float32: {handed.parity}")
    print(f"against the answers on the pages ({handed.shown_in}): {handed.as_shown}")
    if extra := handed.extra:
        lost = extra["accuracy_lost"]
        print(
            f"accuracy on {extra['images']:,} images: {extra['accuracy_int8']:.4f}, float32 {extra['accuracy_float32']:.4f}; "
            f"lost {lost['value']:.4f} (95%: {lost['low']:.4f} to {lost['high']:.4f})"
        )
        print(
            f"a picture: {extra['ms_int8']:.1f} ms, float32 {extra['ms_float32']:.1f} ms, {extra['times_faster']:.2f} times faster"
        )


def _import(args: argparse.Namespace) -> None:
    from engine.export.importing import import_file

    classes = [name.strip() for name in args.classes.split(",") if name.strip()]
    result = import_file(
        args.file, args.model, classes, args.size, args.dataset, _three("mean", args.mean), _three("std", args.std)
    )
    if args.json:
        print_json({**summary(result.run), "report": list(result.report)})
        return
    print(result.run.id)
    print("\n".join(result.report))
    print(f"Score it with: python -m engine evaluate {result.run.id}")


def _three(name: str, text: str) -> list[float]:
    try:
        values = [float(part) for part in text.split(",")] if text else []
    except ValueError:
        values = [0.0]
    if len(values) not in (0, 3):
        raise UserError(f"--{name} is {text!r}.", f"Write three numbers: --{name} 0.5,0.5,0.5")
    return values
