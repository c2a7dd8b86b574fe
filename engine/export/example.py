"""Classify images with model.onnx; needs onnxruntime, numpy and pillow. Usage: python example.py IMAGE..."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

HERE = Path(__file__).parent
DESCRIPTION = json.loads((HERE / "preprocessing.json").read_text(encoding="utf-8"))
LABELS = json.loads((HERE / "labels.json").read_text(encoding="utf-8"))


def load_square(path: str) -> np.ndarray:
    """The central square as (size, size, 3) uint8: upright, transparency on white."""
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGBA")
    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    size = (DESCRIPTION["image_size"], DESCRIPTION["image_size"])
    return np.asarray(ImageOps.fit(image, size, Image.Resampling.BICUBIC))


def main() -> None:
    session = onnxruntime.InferenceSession(HERE / "model.onnx", providers=["CPUExecutionProvider"])
    for path in sys.argv[1:]:
        outputs = session.run(["probabilities"], {"images": load_square(path)[None]})
        row = np.asarray(outputs[0])[0]
        best = np.argsort(-row)[:3]
        print(path, ", ".join(f"{LABELS[i]} {row[i]:.1%}" for i in best), sep=": ")  # noqa: T201


if __name__ == "__main__":
    main()
