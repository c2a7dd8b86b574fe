"""The URLs of images and tables that the server sends beside the pages.

`dashboard.http.routes` and `dashboard.http.batch_images` serve them. A content hash, a generation or a checkpoint in a URL lets the
browser cache the response: other content has another URL.
"""

from urllib.parse import urlencode

from engine.inference.batch.store import Batch
from engine.runs.run import Run


def thumbnail_url(dataset_name: str, image_id: int, content: str | None) -> str:
    return f"/thumb/{dataset_name}/{image_id}/{content}.jpg"


def preview_url(dataset_name: str, image_id: int, content: str | None) -> str:
    return f"/preview/{dataset_name}/{image_id}/{content}.jpg"


def about_url(dataset_name: str) -> str:
    """The URL of the name and thumbnail of an image, to which the caller appends `/` and the image's id."""
    return f"/about/{dataset_name}"


def image_url(dataset_name: str, image_id: int, content: str | None) -> str:
    return f"/image/{dataset_name}/{image_id}/{content}.jpg"


def damaged_url(dataset_name: str, image_id: int, content: str, damage: str, severity: int, size: int) -> str:
    """An image with a corruption of this severity, as `engine.evaluation.robustness` shows it to a network of this input size."""
    return f"/damaged/{dataset_name}/{image_id}/{content}/{damage}-{severity}-{size}.jpg"


def mean_url(dataset_name: str, number: int, generation: str) -> str:
    """The mean image of a class, by the class's number in the catalog's columns."""
    return f"/mean/{dataset_name}/{generation}/{number}.jpg"


def export_url(dataset_name: str, filter_text: str, order: str = "id", descending: bool = False) -> str:
    query = urlencode({"filter": filter_text, "by": order, "descending": int(descending)})
    return f"/export/{dataset_name}.csv?{query}"


def batch_thumbnail_url(batch: Batch, number: int) -> str:
    return f"/asked/{batch.id}/{number}.jpg"


def network_input_url(run: Run, batch: Batch, number: int) -> str:
    """The square of an image that the run's network is shown, at a size for people."""
    return f"/seen/{batch.id}/{number}.jpg?size={run.config.image_size}"


def heatmap_url(run: Run, batch: Batch, number: int, name: str, method: str) -> str:
    """The heatmap of a class over the same square, by an explanation method."""
    query = urlencode({"class": name, "by": method, "of": run.checkpoint})
    return f"/looked/{run.id}/{batch.id}/{number}.jpg?{query}"


def correction_url(dataset_name: str, content: str) -> str:
    return f"/collected/{dataset_name}/{content}.jpg"
