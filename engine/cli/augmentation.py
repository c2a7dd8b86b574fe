"""`augment`: draws of a pipeline; `withstand`: a run's robustness to a pipeline; `pipelines`: saved pipelines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.commands import Group
from engine.cli.output import print_json, print_result, print_table, progress_line
from engine.cli.parameters import FILE, FOLDER, Number, completion, json_option, run_argument
from engine.core.errors import UserError
from engine.core.estimate import Estimate
from engine.core.files import create_folder, file_name, replace_file
from engine.core.progress import Progress
from engine.runs import pipelines

if TYPE_CHECKING:
    from engine.runs.run import Run


@completion
def _complete_pipelines(context: click.Context) -> dict[str, str]:
    return dict.fromkeys([*pipelines.BUILT_IN, *pipelines.saved_names()], "")


def _load_pipeline(text: str) -> pipelines.Pipeline:
    file = Path(text).expanduser()
    return pipelines.read(file) if file.suffix == ".json" else pipelines.parse_pipeline(text)


pipeline_option = click.option(
    "--pipeline",
    default="standard",
    type=_load_pipeline,
    metavar="P",
    shell_complete=_complete_pipelines,
    help="name of a built-in or saved pipeline, a JSON file, or steps such as flip@0.5/crop:smallest=0.5",
)


@click.command()
@click.argument("image", type=FILE, help="image file")
@pipeline_option
@click.option("--draws", type=Number(1, 10_000), default=16, help="number of results")
@click.option("--out", type=FOLDER, required=True, metavar="FOLDER", help="folder to write the PNG images to")
@click.option("--size", type=Number(32, 1024), default=224, help="side of the network's square input, in pixels")
@click.option("--seed", type=Number(), default=0, help="the same seed gives the same draws")
@json_option
def augment_command(image: str, pipeline: pipelines.Pipeline, draws: int, out: str, size: int, seed: int, as_json: bool) -> None:
    import torch
    from PIL import Image

    from engine.data.decoding import ImageError, load_square
    from engine.models.augment import draw_pipeline

    source = Path(image).expanduser()
    if not source.is_file():
        raise UserError(f"There is no image {image!r}.")
    try:
        square = load_square(source, size)
    except (ImageError, OSError) as error:
        raise UserError(f"{image} cannot be read: {error}.") from error
    drawn = draw_pipeline(torch.from_numpy(square.copy()).permute(2, 0, 1), pipeline, draws, seed)
    folder = Path(out).expanduser()
    create_folder(folder)
    files = [folder / file_name("", source.stem, f"-{number:04d}.png") for number in range(draws)]
    for file, result in zip(files, drawn, strict=True):
        with replace_file(file) as temporary:
            Image.fromarray(result.permute(1, 2, 0).numpy()).save(temporary, "PNG")
    document = {"image": str(source), "pipeline": pipeline.to_document(), "seed": seed, "files": [str(f) for f in files]}
    print_result(document, f"{draws} draws of {pipeline.recipe} were written to {folder}.", as_json)


@click.command()
@run_argument
@pipeline_option
@json_option
def withstand_command(run: Run, pipeline: pipelines.Pipeline, as_json: bool) -> None:
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
    if as_json:
        print_json({"run": run.id, "pipeline": pipeline.to_document(), "n": len(sample.labels), "steps": steps})
        return
    print(f"{run.id}: mean probability of the true class, {len(sample.labels)} validation images, 95% interval of the loss")
    shown = [
        [r["text"], f"{r['plain']:.3f}", f"{r['confidence']:.3f}", Estimate(r["drop"], r["low"], r["high"]).text(signed=True),
         f"{r['worst']} {r['worst_drop']:+.3f}", verdicts[r["step"]] if r["factor"] == 1 else ""]
        for r in rows
    ]  # fmt: skip
    print_table(["step, at probability 1", "plain", "augmented", "loss", "largest loss", ""], shown)


pipelines_command = Group("pipelines")


@pipelines_command.command("list", help="List the built-in and saved pipelines.")
@json_option
def _list(as_json: bool) -> None:
    listed = [*pipelines.BUILT_IN.values(), *(pipelines.parse_pipeline(name) for name in pipelines.saved_names())]
    if as_json:
        print_json([{**item.to_document(), "text": item.text, "built_in": item.name in pipelines.BUILT_IN} for item in listed])
    else:
        print_table(["name", "steps"], [[item.name, item.recipe] for item in listed])


@pipelines_command.command("show", help="Print the steps of a pipeline.")
@click.argument(
    "pipeline",
    type=_load_pipeline,
    metavar="P",
    shell_complete=_complete_pipelines,
    help="name of a built-in or saved pipeline, or a JSON file",
)
@json_option
def _show(pipeline: pipelines.Pipeline, as_json: bool) -> None:
    if as_json:
        print_json(pipeline.to_document())
        return
    rows = [
        [s.kind.label, f"{s.probability:.0%}", ", ".join(f"{s.kind.strengths[n].label} {v:g}" for n, v in s.values.items())]
        for s in pipeline.steps
    ]
    print_table(["transform", "probability", "how strongly"], rows)


@pipelines_command.command("save", help="Save a pipeline under a name.")
@click.argument("name", help="name to save it under")
@pipeline_option
@json_option
def _save(name: str, pipeline: pipelines.Pipeline, as_json: bool) -> None:
    saved = pipelines.Pipeline(pipeline.steps, name)
    file = pipelines.save(saved)
    print_result({"file": str(file), **saved.to_document()}, f"Saved as {name}: {saved.recipe}", as_json)


@pipelines_command.command("delete", help="Delete a saved pipeline; runs keep their copy.")
@click.argument("name", shell_complete=_complete_pipelines, help="name of a saved pipeline")
@json_option
def _delete(name: str, as_json: bool) -> None:
    pipelines.delete(name)
    print_result({"deleted": name}, f"Deleted {name}.", as_json)
