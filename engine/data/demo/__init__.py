"""The demo dataset: a seeded painter of six kinds of scenes, in numpy and Pillow alone. Always shown as synthetic."""

from engine.data.demo.dataset import write_demo
from engine.data.demo.scenes import CLASSES, paint

__all__ = ["CLASSES", "paint", "write_demo"]
