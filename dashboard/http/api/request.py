"""Reading the body of a request, and not more of it than is allowed."""

import re
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import dataclass

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from dashboard.http.api.refused import Refused
from engine.data.decoding import file_too_large
from engine.data.uploads import UploadLimits

IMAGES = 32
IMAGE_BYTES, REQUEST_BYTES = UploadLimits().picture_bytes, 100 << 20
TOP, TOP_MAXIMUM = 3, 1000
FIELDS = ("run", "images", "top")
_FIELDS = 8


@dataclass(frozen=True)
class Asked:
    """What a caller wants: the answers of a run for images, (name, content) each."""

    run: str
    top: int
    images: tuple[tuple[str, bytes], ...]


async def read(request: Request) -> Asked:
    """The fields of a multipart request. Raises Refused (400, 413, 415, 422)."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Refused(415, "The body is not multipart/form-data.", "curl -F run=ID -F images=@photo.jpg sends one.")
    form = await _form(request)
    try:
        uploads = [part for name, part in form.multi_items() if name == "images" and isinstance(part, UploadFile)]
        if not uploads:
            raise Refused(422, "There is no file in the field images.", "Send one to 32: -F images=@photo.jpg")
        if large := next((part for part in uploads if (part.size or 0) > IMAGE_BYTES), None):
            raise Refused(413, f"{_short(large.filename)}: {file_too_large(large.size or 0, IMAGE_BYTES)}.")
        run = form.get("run") or request.query_params.get("run")
        if not isinstance(run, str) or not run:
            raise Refused(422, "The field run is missing.", "GET /api/models lists the runs.")
        top = _top(form.get("top", request.query_params.get("top", str(TOP))))
        _check_names([*form, *request.query_params])
        return Asked(run, top, tuple([(_short(part.filename), await part.read()) for part in uploads]))
    finally:
        await form.close()


class _Parser(MultiPartParser):
    """Takes the field images for a file where a program sends no file name with it, which a form need not have."""

    def on_headers_finished(self) -> None:
        part = self._current_part
        _, options = parse_options_header(part.content_disposition)
        if options.get(b"name") == b"images" and b"filename" not in options:
            part.content_disposition = (part.content_disposition or b"") + b'; filename="unnamed"'
        super().on_headers_finished()


async def _form(request: Request) -> FormData:
    taken = 0

    async def receive() -> Message:
        # What a header promises need not be what comes.
        nonlocal taken
        message = await request.receive()
        taken += len(message.get("body", b""))
        if taken > REQUEST_BYTES:
            raise _too_large()
        return message

    if request.headers.get("content-length", "0").isdecimal() and int(request.headers.get("content-length", "0")) > REQUEST_BYTES:
        raise _too_large()
    try:
        async with aclosing(Request(request.scope, receive).stream()) as stream:
            parser = _Parser(request.headers, stream, max_files=IMAGES, max_fields=_FIELDS, max_part_size=1 << 16)
            return await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise Refused(413, f"Too many images: the limit is {IMAGES} per request.") from None
        raise Refused(400, f"The body is not a multipart form ({error.message[:100]}).") from None
    except ClientDisconnect:
        raise Refused(400, "The body ended early.") from None


def _too_large() -> Refused:
    return Refused(413, f"The request is too large: the limit is {REQUEST_BYTES >> 20} MB.", headers={"Connection": "close"})


def _check_names(names: Iterable[str]) -> None:
    """A field that is not read would be a wish that nobody hears."""
    if unknown := next((name for name in names if name not in FIELDS), None):
        raise Refused(422, f"There is no field {_short(unknown)!r}.", f"The fields are: {', '.join(FIELDS)}.")


def _top(text: object) -> int:
    if isinstance(text, str) and re.fullmatch(r"[0-9]{1,4}", text, re.ASCII) and 1 <= int(text) <= TOP_MAXIMUM:
        return int(text)
    raise Refused(422, f"top must be an integer from 1 to {TOP_MAXIMUM:,}.")


def _short(name: str | None) -> str:
    return (name or "unnamed")[-200:]
