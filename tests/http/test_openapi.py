"""The OpenAPI document tells the truth: what it calls valid is answered, what it does not is refused, and nothing ends in a 5xx."""

import io
import json

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks


def _picture(kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(file, kind)
    return file.getvalue()


for media, kind in {
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "gif": "GIF",
    "bmp": "BMP",
    "tiff": "TIFF",
    "avif": "AVIF",
}.items():
    schemathesis.openapi.media_type(f"image/{media}", st.just(_picture(kind)))
schemathesis.openapi.media_type("image/heic", st.just(_picture("PNG")))  # the content counts, and not its name

ALWAYS = [
    not_a_server_error, checks.status_code_conformance, checks.content_type_conformance, checks.response_schema_conformance,
    checks.unsupported_method, checks.allow_header_conformance,
]  # fmt: skip
OF_MODE = {
    GenerationMode.POSITIVE: [*ALWAYS, checks.positive_data_acceptance],
    GenerationMode.NEGATIVE: [*ALWAYS, checks.negative_data_rejection],
}


@pytest.fixture(scope="module")
def api(server):
    return schemathesis.openapi.from_url(f"http://localhost:{server.port}/api/openapi.json")


@pytest.mark.parametrize(
    ("path", "method", "mode"),
    [
        ("/api/predict", "POST", GenerationMode.POSITIVE),
        ("/api/predict", "POST", GenerationMode.NEGATIVE),
        ("/api/models", "GET", GenerationMode.POSITIVE),
        ("/api/openapi.json", "GET", GenerationMode.POSITIVE),
    ],
)
def test_what_the_document_says_is_so(server, api, path, method, mode):
    operation, statuses = api[path][method], set()

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def holds(case):
        # Random text names no run: half of the requests ask one that is there.
        if mode == GenerationMode.POSITIVE and isinstance(case.body, dict) and len(case.body["run"]) % 2:
            case.body = {**case.body, "run": server.run_id}
        statuses.add(case.call_and_validate(checks=OF_MODE[mode], timeout=120).status_code)

    holds()
    assert (200 in statuses) == (mode == GenerationMode.POSITIVE)


def _form(images: int, content: bytes, **fields: str) -> bytes:
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
    parts += [b'Content-Disposition: form-data; name="images"; filename="a.png"\r\n\r\n' + content] * images
    return b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + b"--x--\r\n"


FORM = "Content-Type: multipart/form-data; boundary=x"


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("GET", "/api/openapi.json", (), b"", 200),
        ("GET", "/api/openapi.json", ("Origin: https://evil.example",), b"", 403),
        ("GET", "/api/models", (), b"", 200),
        ("GET", "/api/models", ("X-Forwarded-For: 203.0.113.9",), b"", 403),
        ("POST", "/api/predict", (FORM,), _form(2, _picture("PNG"), run="RUN"), 200),
        ("POST", "/api/predict", (FORM,), b"no form at all", 400),
        ("POST", "/api/predict", (FORM, "Sec-Fetch-Site: cross-site"), b"", 403),
        ("POST", "/api/predict", (FORM,), _form(1, _picture("PNG"), run="no-such-run"), 404),
        ("POST", "/api/predict", (FORM,), _form(33, _picture("PNG"), run="RUN"), 413),
        ("POST", "/api/predict", ("Content-Type: application/json",), b"{}", 415),
        ("POST", "/api/predict", (FORM,), _form(1, _picture("PNG")), 422),
        ("POST", "/api/predict", (FORM,), _form(2, b"no picture", run="RUN"), 422),
    ],
)
def test_every_response_is_one_that_the_document_promises(server, method, path, headers, body, status):
    whole = json.loads(server.ask("/api/openapi.json").body)
    body = body.replace(b"RUN", server.run_id.encode())
    answer = server.ask(path, *headers, method=method, body=body)
    assert answer.status == status, answer.body
    schema = whole["paths"][path][method.lower()]["responses"][str(status)]["content"]["application/json"]["schema"]
    jsonschema.validate(json.loads(answer.body), {**schema, "components": whole["components"]})
