"""Classify pictures with model.onnx: needs onnxruntime, numpy and pillow. Usage: python example.py PICTURE..."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

HERE = Path(__file__).parent
ABOUT = json.loads((HERE / "preprocessing.json").read_text(encoding="utf-8"))
LABELS = json.loads((HERE / "labels.json").read_text(encoding="utf-8"))


def square(path: str) -> np.ndarray:
    """(size, size, 3) uint8: upright, alpha on white, the central square."""
    picture = ImageOps.exif_transpose(Image.open(path)).convert("RGBA")
    picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    size = (ABOUT["image_size"], ABOUT["image_size"])
    return np.asarray(ImageOps.fit(picture, size, Image.Resampling.BICUBIC))


def main() -> None:
    session = onnxruntime.InferenceSession(HERE / "model.onnx", providers=["CPUExecutionProvider"])
    for path in sys.argv[1:]:
        (row,) = session.run(["probabilities"], {"images": square(path)[None]})[0]
        best = np.argsort(-row)[:3]
        print(path, ", ".join(f"{LABELS[i]} {row[i]:.1%}" for i in best), sep=": ")  # noqa: T201


if __name__ == "__main__":
    main()
