"""Reading the body of a request, up to the limits."""

import re
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import dataclass, fields
from typing import Annotated, NamedTuple

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from dashboard.http.api.errors import ApiError
from engine.data.decoding import file_too_large
from engine.data.uploads import UploadLimits

IMAGES = 32
IMAGE_BYTES, REQUEST_BYTES = UploadLimits().image_bytes, 100 << 20
TOP, TOP_MAXIMUM = 3, 1000
_MAX_FIELDS = 8  # more than there are, so that a wrong field gets its own message


class Upload(NamedTuple):
    name: str
    content: bytes


@dataclass(frozen=True)
class PredictRequest:
    """A request for a run's predictions."""

    run: Annotated[str, {"minLength": 1, "description": "the id of a run, as GET /api/models lists them"}]
    images: Annotated[tuple[Upload, ...], {
        "minItems": 1, "maxItems": IMAGES,
        "description": f"up to {IMAGES} files of {IMAGE_BYTES >> 20} MB, {REQUEST_BYTES >> 20} MB in all",
    }]  # fmt: skip
    top: Annotated[int, {
        "minimum": 1, "maximum": TOP_MAXIMUM,
        "description": "how many classes per image, the most probable first; a run with fewer classes gives them all",
    }] = TOP  # fmt: skip


FIELDS = [field.name for field in fields(PredictRequest)]


async def read_request(request: Request) -> PredictRequest:
    """Parse the fields of a multipart request. Raises ApiError (400, 413, 415, 422)."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise ApiError(415, "The body is not multipart/form-data.", "curl -F run=ID -F images=@photo.jpg sends one.")
    form = await _parse_form(request)
    try:
        uploads = [part for name, part in form.multi_items() if name == "images" and isinstance(part, UploadFile)]
        if not uploads:
            raise ApiError(422, "There is no file in the field images.", "Send one to 32: -F images=@photo.jpg")
        large = next((part for part in uploads if (part.size or 0) > IMAGE_BYTES), None)
        if large is not None:
            raise ApiError(413, f"{_shorten(large.filename)}: {file_too_large(large.size or 0, IMAGE_BYTES)}.")
        run = form.get("run") or request.query_params.get("run")
        if not isinstance(run, str) or not run:
            raise ApiError(422, "The field run is missing.", "GET /api/models lists the runs.")
        top = _parse_top(form.get("top", request.query_params.get("top", str(TOP))))
        _check_names([*form, *request.query_params])
        images = [Upload(_shorten(part.filename), await part.read()) for part in uploads]
        return PredictRequest(run=run, images=tuple(images), top=top)
    finally:
        await form.close()


class _Parser(MultiPartParser):
    """Treats the field `images` as a file even without a file name, which a program need not send.

    Starlette (1.10) decides by the file name alone, and offers no hook after it has read a part's headers. `_current_part` is private;
    `test_run_and_top_may_stand_in_the_address_and_a_file_needs_no_name` in tests/http/test_api.py notices where it changes.
    """

    def on_headers_finished(self) -> None:
        part = self._current_part
        _, options = parse_options_header(part.content_disposition)
        if options.get(b"name") == b"images" and b"filename" not in options:
            part.content_disposition = (part.content_disposition or b"") + b'; filename="unnamed"'
        super().on_headers_finished()


async def _parse_form(request: Request) -> FormData:
    received = 0

    async def receive() -> Message:
        # Counted here too: a body may be longer than Content-Length says, or come without one.
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > REQUEST_BYTES:
            raise _too_large()
        return message

    if request.headers.get("content-length", "0").isdecimal() and int(request.headers.get("content-length", "0")) > REQUEST_BYTES:
        raise _too_large()
    try:
        async with aclosing(Request(request.scope, receive).stream()) as stream:
            parser = _Parser(request.headers, stream, max_files=IMAGES, max_fields=_MAX_FIELDS, max_part_size=1 << 16)
            return await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise ApiError(413, f"Too many images: the limit is {IMAGES} per request.") from None
        raise ApiError(400, f"The body is not a multipart form ({error.message[:100]}).") from None
    except ClientDisconnect:
        raise ApiError(400, "The body ended early.") from None


def _too_large() -> ApiError:
    return ApiError(413, f"The request is too large: the limit is {REQUEST_BYTES >> 20} MB.", headers={"Connection": "close"})


def _check_names(names: Iterable[str]) -> None:
    """Refuse unknown fields: an ignored one (`topk` for `top`) would be a wrong answer without a message."""
    unknown = next((name for name in names if name not in FIELDS), None)
    if unknown is not None:
        raise ApiError(422, f"There is no field {_shorten(unknown)!r}.", f"The fields are: {', '.join(FIELDS)}.")


def _parse_top(text: object) -> int:
    if isinstance(text, str) and re.fullmatch(r"[0-9]{1,4}", text, re.ASCII) and 1 <= int(text) <= TOP_MAXIMUM:
        return int(text)
    raise ApiError(422, f"top must be an integer from 1 to {TOP_MAXIMUM:,}.")


def _shorten(name: str | None) -> str:
    return (name or "unnamed")[-200:]
