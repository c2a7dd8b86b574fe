"""The addresses of images and tables that the server sends beside the pages.

`dashboard.http.routes` and `dashboard.http.batch_images` answer them.
"""

from urllib.parse import urlencode

from engine.inference.batch.store import Batch
from engine.runs.run import Run


def thumbnail_url(dataset_name: str, image_id: int, content: str | None) -> str:
    return f"/thumb/{dataset_name}/{image_id}/{content}.jpg"


def preview_url(dataset_name: str, image_id: int, content: str | None) -> str:
    return f"/preview/{dataset_name}/{image_id}/{content}.jpg"


def about_url(dataset_name: str) -> str:
    """The address that tells about an image of the dataset, its id to be added."""
    return f"/about/{dataset_name}"


def image_url(dataset_name: str, image_id: int, content: str | None) -> str:
    return f"/image/{dataset_name}/{image_id}/{content}.jpg"


def damaged_url(dataset_name: str, image_id: int, content: str, damage: str, severity: int, size: int) -> str:
    """Where an image is as `engine.evaluation.robustness` shows it to a network of this input size, with a damage of this severity."""
    return f"/damaged/{dataset_name}/{image_id}/{content}/{damage}-{severity}-{size}.jpg"


def mean_url(dataset_name: str, number: int, generation: str) -> str:
    """Where the mean image of a class is, by the class's number in the catalog's columns."""
    return f"/mean/{dataset_name}/{generation}/{number}.jpg"


def export_url(dataset_name: str, filter_text: str, by: str = "id", descending: bool = False) -> str:
    query = urlencode({"filter": filter_text, "by": by, "descending": int(descending)})
    return f"/export/{dataset_name}.csv?{query}"


def batch_thumbnail_url(batch: Batch, number: int) -> str:
    return f"/asked/{batch.id}/{number}.jpg"


def network_input_url(batch: Batch, number: int) -> str:
    """The square of a picture that a network is shown, larger."""
    return f"/seen/{batch.id}/{number}.jpg"


def heatmap_url(run: Run, batch: Batch, number: int, name: str, method: str) -> str:
    """The same square under a method's map of where the run looked for a class."""
    query = urlencode({"class": name, "by": method, "of": run.checkpoint})
    return f"/looked/{run.id}/{batch.id}/{number}.jpg?{query}"


def correction_url(dataset_name: str, content: str) -> str:
    return f"/collected/{dataset_name}/{content}.jpg"
