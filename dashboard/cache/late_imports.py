"""Modules that import torch: loaded when first needed, by one thread at a time."""

import threading

from dashboard.app.gc_freeze import spare_lasting_objects
from dashboard.cache.cached import cached, start_background

_DELAY = 1.0  # seconds in which the browser paints the page before imports compete with it

# Hold it around every import that needs torch, inside the function that uses the module: `with IMPORT_LOCK: from ... import ...`.
# torchvision's modules import each other in a circle: two threads that enter it at different modules get half-initialised ones.
IMPORT_LOCK = threading.Lock()


@cached(shared=True)
def warm_up() -> threading.Thread:
    """Load torch and Grad-CAM's package in a background thread, once, while the person looks at a page that will need them."""

    def load(stopping: threading.Event) -> None:
        if stopping.wait(_DELAY):
            return
        with IMPORT_LOCK:
            import pytorch_grad_cam  # noqa: F401
        spare_lasting_objects()

    return start_background("warm-up", load)
