"""Short garbage collections.

Streamlit (1.64) forces a full collection at the end of each script run. With the modules that this program imports it takes 80 ms (with
torch, about 200 ms) in which no other thread of the server runs, just when the browser requests the images of the new page.
"""

import gc


def spare_lasting_objects() -> None:
    """Exempt everything alive now from later collections: modules and their contents live as long as the server does."""
    # First, or garbage that is waiting to be collected would be frozen, and stay for good.
    gc.collect()
    gc.freeze()
