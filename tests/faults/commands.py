"""What the campaign runs: every command of the CLI that writes, and what the pages write besides."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Command:
    """`arguments` of the CLI, in which `{home}` and `{images}` are filled in; or `call`, which gets the home and the images.

    `removes`: folders below the home whose files it may take away.
    """

    label: str
    arguments: tuple[str, ...] = ()
    call: Callable[[Path, Path], object] | None = None
    removes: tuple[str, ...] = ()


def cli(text: str, *more: str, removes: tuple[str, ...] = (), label: str = "") -> Command:
    arguments = (*text.split(), *more)
    return Command(label or " ".join(arguments), arguments, removes=removes)


def _worker(name: str) -> Callable[[Path, Path], object]:
    def call(home: Path, images: Path) -> object:
        from engine.training import worker

        return worker.main(home / "runs" / name)

    return call


def _batch(home: Path, images: Path) -> None:
    from engine.data.uploads import UploadItem
    from engine.inference.batch import store

    files = sorted(images.rglob("*.png"))[:3]
    store.create_batch("three pictures", [UploadItem(file.name, file.read_bytes(), "") for file in files])


def _batch_folder(home: Path, images: Path) -> None:
    from engine.inference.batch import store

    store.create_folder_batch(images)


def _correct(home: Path, images: Path) -> None:
    from engine.data.datasets import load_dataset
    from engine.inference import corrections

    data = load_dataset("scenes")
    one = corrections.add_correction(data, images.parent / "strange.png", "sea")
    corrections.build_corrected_dataset(data)
    corrections.add_correction(data, images.parent / "strange.png", "forest")
    corrections.remove_correction(data, one.content)


def _select(home: Path, images: Path) -> None:
    from engine.data.datasets import load_dataset

    catalog = load_dataset("scenes").catalog
    assert catalog.check(_filter(catalog.select([1, 2, 3])))[1] == []


def _filter(word: str) -> object:
    from engine.data.filters import Filter

    return Filter(selection=word)


def _look(home: Path, images: Path) -> None:
    """What a page reads: thumbnails, mean images, columns; all are answered, whatever the disk takes."""
    from PIL import Image

    from engine.data.datasets import load_dataset
    from engine.data.mean_images import compute_mean_image
    from engine.data.thumbnails import load_thumbnail

    data = load_dataset("scenes")
    assert len(data.catalog.view()) > 20
    row = data.catalog.get(1)
    assert row is not None
    assert Image.open(io.BytesIO(load_thumbnail(row, data.root, 16))).format == "JPEG"
    assert compute_mean_image(data, data.classes[0]) is not None


def _demo(home: Path, images: Path) -> None:
    from engine.data.demo import write_demo

    write_demo(home / "data" / "demo" / "images", train=2, test=1, unlabelled=1)


def _queue(home: Path, images: Path) -> None:
    from engine.runs import queue

    queue.join(home / "runs" / "fast-1")
    queue.leave(home / "runs" / "fast-1")


_FINE_TUNING = "--preset balanced --model timm:mobilenetv3_small_050 --set weights=none --set image_size=32"
COMMANDS = (
    cli("data add {images} --name scenes", label="data add (again)"),
    cli("data add {images} --name fresh", label="data add (new)"),
    cli("data analyse scenes"),
    cli("data remove scenes", removes=("data/scenes", "cache/maps/scenes")),
    cli("data synthesize-catalog --rows 200 --name rows"),
    cli("map scenes --out {home}/points.csv"),
    cli("audit --dataset scenes"),
    cli("labels relabel 1 2 --to sea --dataset scenes"),
    cli("labels exclude 3 --dataset scenes"),
    cli("labels undo --dataset scenes"),
    cli("labels export --dataset scenes --out {home}/labels-out.jsonl"),
    cli("labels import {images}/../labels.jsonl --dataset scenes"),
    cli("labels restore 0-00000000 --dataset scenes"),
    cli("pipelines save own --pipeline flip@0.5/crop"),
    cli("pipelines delete saved", removes=("pipelines",)),
    cli("augment {images}/../strange.png --draws 2 --size 32 --out {home}/drawn"),
    cli("train --dataset scenes --prepare --set image_size=32"),
    cli("train --dataset scenes --detach --set image_size=32"),
    cli(f"train --dataset scenes {_FINE_TUNING} --dry-run", label="train --dry-run"),
    cli(f"lr-find --dataset scenes {_FINE_TUNING}", label="lr-find"),
    cli("runs rename fast-1 other"),
    cli("runs note fast-1 words"),
    cli("runs tag fast-1 one two"),
    cli("runs resume balanced-3"),
    cli("runs delete fast-1", removes=("runs/fast-1",)),
    cli("runs restore fast-2", removes=("runs/.trash/fast-2",)),
    cli("runs trash --empty", removes=("runs/.trash",)),
    cli("evaluate fast-1 --split test", removes=()),
    cli("predict fast-1 {images}/../strange.png --out {home}/table.csv --cam {home}/cam"),
    cli("predict fast-1 {images}/../strange.png --out {home}/table.parquet"),
    cli("novelty fast-1"),
    cli("report fast-1 --out {home}/report.html"),
    cli("report fast-1 --out {home}/report.zip"),
    cli("export fast-1 --format onnx --out {home}/model.onnx"),
    cli("export fast-1 --format torchscript --out {home}/model.pt"),
    cli("export fast-1 --format bundle --out {home}/bundle.zip"),
    cli("import {images}/../bundle.zip --dataset scenes"),
    cli("explain fast-1 {images}/../strange.png --out {home}/explained"),
    cli("robustness fast-1 --images 4", removes=("runs/fast-1/robustness",)),
    Command("worker (linear)", call=_worker("fast-4"), removes=("runs/.queue",)),
    Command("worker (fine-tuning)", call=_worker("balanced-3"), removes=("runs/.queue", "runs/balanced-3/checkpoints")),
    Command("batch", call=_batch),
    Command("batch of a folder", call=_batch_folder),
    Command("corrections", call=_correct, removes=("collections",)),
    Command("selection", call=_select),
    Command("thumbnails", call=_look),
    Command("demo", call=_demo),
    Command("queue", call=_queue),
)  # fmt: skip
