"""Short garbage collections.

Streamlit forces a full collection at the end of each script run. With what this program imports it takes 80 ms (with torch,
some 200), in which no thread of the server does anything: just then the browser asks for the pictures of the new page.
"""

import gc


def spare_lasting_objects() -> None:
    """Leave all that is alive now out of later collections: modules and their contents stay as long as the server does."""
    gc.collect()
    gc.freeze()
