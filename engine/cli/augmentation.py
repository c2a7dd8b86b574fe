"""`augment`: draws of a pipeline; `withstand`: a run's robustness to a pipeline; `pipelines`: saved pipelines."""

import argparse
from pathlib import Path

from engine.cli.output import json_flag, print_json, print_table, progress_line
from engine.core.errors import UserError
from engine.core.estimate import Estimate
from engine.core.files import create_folder, file_name, replace_file
from engine.core.progress import Progress
from engine.runs import pipelines
from engine.runs.run import load_run


def register(commands: argparse._SubParsersAction) -> None:
    augment = commands.add_parser("augment", help="apply an augmentation pipeline to an image and write the results")
    augment.add_argument("image", metavar="IMAGE", help="image file")
    _pipeline_flag(augment)
    augment.add_argument("--draws", type=int, default=16, metavar="N", help="number of results (default 16)")
    augment.add_argument("--out", required=True, metavar="FOLDER", help="folder to write the PNG images to")
    augment.add_argument("--size", type=int, default=224, help="side of the network's square input, in pixels (default 224)")
    augment.add_argument("--seed", type=int, default=0, help="the same seed gives the same draws (default 0)")
    augment.set_defaults(command=_augment)
    withstand = commands.add_parser("withstand", help="measure how a run's confidence falls under each step of a pipeline")
    withstand.add_argument("id", help="id of a run")
    _pipeline_flag(withstand)
    withstand.set_defaults(command=_withstand)
    actions = commands.add_parser("pipelines", help="list, show, save and delete augmentation pipelines").add_subparsers(
        required=True, metavar="ACTION"
    )
    listing = actions.add_parser("list", help="list the built-in and saved pipelines")
    listing.set_defaults(command=_list)
    show = actions.add_parser("show", help="print the steps of a pipeline")
    show.add_argument("pipeline", metavar="P", help="name of a built-in or saved pipeline, or a JSON file")
    show.set_defaults(command=_show)
    save = actions.add_parser("save", help="save a pipeline under a name")
    save.add_argument("name", help="name to save it under")
    _pipeline_flag(save)
    save.set_defaults(command=_save)
    delete = actions.add_parser("delete", help="delete a saved pipeline; runs keep their copy")
    delete.add_argument("name", help="name of a saved pipeline")
    delete.set_defaults(command=_delete)
    for parser in (augment, withstand, listing, show, save, delete):
        json_flag(parser)


def _pipeline_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--pipeline", default="standard", metavar="P",
        help="name of a built-in or saved pipeline, a JSON file, or steps such as flip@0.5/crop:smallest=0.5 (default standard)",
    )  # fmt: skip


def _load_pipeline(text: str) -> pipelines.Pipeline:
    file = Path(text).expanduser()
    return pipelines.read(file) if file.suffix == ".json" else pipelines.parse_pipeline(text)


def _augment(args: argparse.Namespace) -> None:
    if not (1 <= args.draws <= 10_000 and 32 <= args.size <= 1024):
        raise UserError(
            f"--draws is {args.draws} and --size {args.size}.", "--draws must be from 1 to 10,000 and --size from 32 to 1024."
        )
    pipeline = _load_pipeline(args.pipeline)
    import torch
    from PIL import Image

    from engine.data.decoding import ImageError, load_square
    from engine.models.augment import draw_pipeline

    source = Path(args.image).expanduser()
    if not source.is_file():
        raise UserError(f"There is no image {args.image!r}.")
    try:
        square = load_square(source, args.size)
    except (ImageError, OSError) as error:
        raise UserError(f"{args.image} cannot be read: {error}.") from error
    drawn = draw_pipeline(torch.from_numpy(square.copy()).permute(2, 0, 1), pipeline, args.draws, args.seed)
    folder = Path(args.out).expanduser()
    create_folder(folder)
    files = [folder / file_name("", source.stem, f"-{number:04d}.png") for number in range(args.draws)]
    for file, image in zip(files, drawn, strict=True):
        with replace_file(file) as temporary:
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(temporary, "PNG")
    document = {"image": str(source), "pipeline": pipeline.to_document(), "seed": args.seed, "files": [str(f) for f in files]}
    if args.json:
        print_json(document)
    else:
        print(f"{args.draws} draws of {pipeline.recipe} were written to {folder}.")


def _withstand(args: argparse.Namespace) -> None:
    run, pipeline = load_run(args.id), _load_pipeline(args.pipeline)
    import pandas as pd

    from engine.data.datasets import load_dataset
    from engine.evaluation import scoring
    from engine.evaluation.robustness import augmentation_robustness
    from engine.models import model

    loaded = model.load_model(run.path)
    images = scoring.split_images(load_dataset(run.config.dataset), "validation", run.classes)
    sample = augmentation_robustness.load_sample(images, loaded.meta.image_size)
    if not len(sample.labels):
        raise UserError(f"The dataset {run.config.dataset} has no validation images that can be read.")
    show, rows = progress_line(), []
    for row in augmentation_robustness.measure_steps(loaded, sample, pipeline.steps):
        rows.append({**row, "worst": run.classes[row["worst"]]})
        show(Progress("measuring", len(rows), augmentation_robustness.count_rows(pipeline.steps)))
    frame = pd.DataFrame(rows)
    verdicts = [augmentation_robustness.verdict(part) for _, part in frame.groupby("step")] if rows else []
    steps = [
        {"step": step.text, "verdict": verdict, "strengths": [row for row in rows if row["step"] == index]}
        for index, (step, verdict) in enumerate(zip(pipeline.steps, verdicts, strict=True))
    ]
    if args.json:
        print_json({"run": run.id, "pipeline": pipeline.to_document(), "n": len(sample.labels), "steps": steps})
        return
    print(f"{run.id}: mean probability of the true class, {len(sample.labels)} validation images, 95% interval of the loss")
    shown = [
        [r["text"], f"{r['plain']:.3f}", f"{r['confidence']:.3f}", Estimate(r["drop"], r["low"], r["high"]).text(signed=True),
         f"{r['worst']} {r['worst_drop']:+.3f}", verdicts[r["step"]] if r["factor"] == 1 else ""]
        for r in rows
    ]  # fmt: skip
    print_table(["step, at probability 1", "plain", "augmented", "loss", "largest loss", ""], shown)


def _list(args: argparse.Namespace) -> None:
    listed = [*pipelines.BUILT_IN.values(), *(pipelines.parse_pipeline(name) for name in pipelines.saved_names())]
    if args.json:
        print_json([{**item.to_document(), "text": item.text, "built_in": item.name in pipelines.BUILT_IN} for item in listed])
    else:
        print_table(["name", "steps"], [[item.name, item.recipe] for item in listed])


def _show(args: argparse.Namespace) -> None:
    pipeline = _load_pipeline(args.pipeline)
    if args.json:
        print_json(pipeline.to_document())
        return
    rows = [
        [s.kind.label, f"{s.probability:.0%}", ", ".join(f"{s.kind.strengths[n].label} {v:g}" for n, v in s.values.items())]
        for s in pipeline.steps
    ]
    print_table(["transform", "probability", "how strongly"], rows)


def _save(args: argparse.Namespace) -> None:
    pipeline = pipelines.Pipeline(_load_pipeline(args.pipeline).steps, args.name)
    file = pipelines.save(pipeline)
    if args.json:
        print_json({"file": str(file), **pipeline.to_document()})
    else:
        print(f"Saved as {args.name}: {pipeline.recipe}")


def _delete(args: argparse.Namespace) -> None:
    pipelines.delete(args.name)
    if args.json:
        print_json({"deleted": args.name})
    else:
        print(f"Deleted {args.name}.")
