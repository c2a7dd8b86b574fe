"""The OpenAPI document tells the truth: what it calls valid is answered, what it does not is refused, and nothing ends in a 5xx."""

import io

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
