"""The models over HTTP: right answers for many callers at once, a sentence and a status for everything else, and no one unasked."""

import asyncio
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated, Literal, NotRequired, TypedDict

import jsonschema
import pytest
import streamlit as st
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboard import cache
from dashboard.http.api import guard, request, routes
from dashboard.http.api.documents import Score
from dashboard.http.api.errors import ApiError
from dashboard.http.api.inference import Inference
from dashboard.http.api.schema import Endpoint, openapi
from engine.data.datasets import load_dataset
from engine.inference.predict import predict
from engine.runs.run import load_run

HERE = {"base_url": "http://localhost:8501", "client": ("127.0.0.1", 5000)}
FORM = {"Content-Type": "multipart/form-data; boundary=x"}


class Client(TestClient):
    """A client to whom every response has to be one that the OpenAPI document promises for its path and status."""

    def request(self, method, url, **more):
        response = super().request(method, url, **more)
        check_response(openapi(routes.ENDPOINTS), method, str(url), response.status_code, response.json())
        return response


def check_response(whole, method, url, status, body):
    promise = whole["paths"][url.partition("?")[0]][method.lower()]["responses"][str(status)]
    schema = promise["content"]["application/json"]["schema"]
    jsonschema.validate(body, {**schema, "components": whole["components"]})


@pytest.fixture
def ask(monkeypatch):
    monkeypatch.delenv(guard.TOKEN, raising=False)
    return Client(Starlette(routes=routes.ROUTES), **HERE)


@pytest.fixture
def images(finished):
    """A picture of each class: (class, content)."""
    data = load_dataset("scenes")
    frame = data.catalog.frame("test").groupby("class").head(1)
    return list(zip(frame["class"], [file.read_bytes() for file in data.catalog.files(frame)], strict=True))


def post(client, run, contents, **more):
    files = [("images", (f"{i}.png", content, "image/png")) for i, content in enumerate(contents)]
    return client.post("/api/predict", data={"run": run, **more}, files=files)


def test_several_images_are_answered_in_order_and_what_is_no_picture_says_so(ask, finished, images):
    result = post(ask, finished.run_id, [content for _, content in images] + [b"no picture"], top="2")
    assert result.status_code == 200
    *answers, last = result.json()["predictions"]
    expected = predict(cache.model(load_run(finished.run_id)), [content for _, content in images])
    assert [[(one["class"], one["probability"]) for one in answer["top"]] for answer in answers] == [
        [(label, round(value, 6)) for label, value in e.top(2)] for e in expected
    ]
    assert [answer["may_be"][0] for answer in answers] == [answer["top"][0]["class"] for answer in answers]
    assert {answer["verdict"] for answer in answers} <= {"sure", "unsure", "unknown"}
    assert last == {"name": f"{len(images)}.png", "error": "not an image, despite its name"}
    none = post(ask, finished.run_id, [b"no picture"])
    assert (none.status_code, none.json()["error"]) == (422, "None of the images can be read.")


def test_the_models_that_can_answer_are_listed_with_their_scores(ask, finished):
    result = ask.get("/api/models")
    (model,) = result.json()["models"]
    assert (model["id"], model["classes"], model["test"]["n"]) == (finished.run_id, ["forest", "glacier", "mountain", "sea"], 24)


def test_twenty_callers_and_two_runs_at_once_get_each_its_own_answer(ask, finished, images, twin):
    expected = {}
    for run_id in (finished.run_id, twin):
        model = cache.model(load_run(run_id))
        expected[run_id] = [answer.top(1) for answer in predict(model, [content for _, content in images])]
    assert expected[finished.run_id] != expected[twin]

    def call(number):
        run_id, which = (finished.run_id, twin)[number % 2], number % len(images)
        (answer,) = post(ask, run_id, [images[which][1]], top="1").json()["predictions"]
        return [(one["class"], one["probability"]) for one in answer["top"]], expected[run_id][which]

    with ThreadPoolExecutor(20) as pool:
        for result, wanted in pool.map(call, range(40)):
            assert result[0][0] == wanted[0][0]
            assert result[0][1] == pytest.approx(wanted[0][1], abs=1e-3)


@pytest.fixture
def twin(finished):
    """A run beside the session's whose head says the classes the other way round."""
    import shutil

    from engine.runs import checkpoint

    first = finished.home / "runs" / finished.run_id
    other = first.parent / "fast-900"
    shutil.copytree(first, other)
    saved = checkpoint.load(other)
    state = {name: tensor.flip(0) if name.startswith("head.") else tensor for name, tensor in saved.model.items()}
    checkpoint.save(other, "best", 1, saved.meta, state)
    yield other.name
    shutil.rmtree(other)


@pytest.mark.parametrize(
    ("fields", "files", "status", "sentence"),
    [
        ({"run": "no-such-run"}, 1, 404, "There is no run"),
        ({"run": "../../etc"}, 1, 404, "There is no run"),
        ({}, 1, 422, "run is missing"),
        ({"run": "fast-1", "top": "many"}, 1, 422, "top must be an integer"),
        ({"run": "fast-1", "top": "0"}, 1, 422, "top must be an integer"),
        ({"run": "fast-1", "top": "1001"}, 1, 422, "top must be an integer"),
        ({"run": "fast-1", "top": "٣"}, 1, 422, "top must be an integer"),
        ({"run": "fast-1", "tpo": "3"}, 1, 422, "no field 'tpo'"),
        ({"run": "a" * 300}, 1, 404, "There is no run"),
        ({"run": "fast-1"}, 0, 422, "no file in the field images"),
        ({"run": "fast-1"}, 33, 413, "limit is 32 per request"),
    ],
)
def test_a_wrong_field_has_its_status_and_a_sentence(ask, finished, images, fields, files, status, sentence):
    parts = [("images", ("a.png", images[0][1], "image/png"))] * files or [("other", ("a.png", b"x", "image/png"))]
    result = ask.post("/api/predict", data=fields, files=parts)
    assert (result.status_code, sentence in result.json()["error"]) == (status, True), result.json()


def test_run_and_top_may_stand_in_the_address_and_a_file_needs_no_name(ask, finished, images):
    part = b'--x\r\nContent-Disposition: form-data; name="images"\r\n\r\n' + images[0][1] + b"\r\n--x--\r\n"
    result = ask.post(f"/api/predict?run={finished.run_id}&top=1000", headers=FORM, content=part)
    assert result.status_code == 200, result.text
    (answer,) = result.json()["predictions"]
    assert (answer["name"], len(answer["top"])) == ("unnamed", 4)
    wrong = ask.post(f"/api/predict?rum={finished.run_id}", headers=FORM, content=part)
    assert wrong.status_code == 422
    unknown = ask.post(f"/api/predict?run={finished.run_id}&rum=1", headers=FORM, content=part)
    assert (unknown.status_code, unknown.json()["error"]) == (422, "There is no field 'rum'.")


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({"Content-Type": "application/json"}, b"{}", 415),
        ({}, b"", 415),
        ({"Content-Type": "multipart/form-data"}, b"no boundary", 400),
        (FORM, b"no form at all", 400),
        (FORM, b'--x\r\nContent-Disposition: form-data; name="run"\r\n\r\n' + bytes(200_000) + b"\r\n--x--\r\n", 400),
        ({**FORM, "Content-Length": str(10**12)}, b"", 413),
    ],
)
def test_a_body_that_is_no_form_or_too_large_is_refused(ask, headers, content, status):
    result = ask.post("/api/predict", headers=headers, content=content)
    assert result.status_code == status, result.text


def test_more_than_was_promised_is_not_read(ask, monkeypatch):
    monkeypatch.setattr(request, "REQUEST_BYTES", 1 << 20)
    sent = []

    def endless():
        yield b'--x\r\nContent-Disposition: form-data; name="images"; filename="a.png"\r\n\r\n'
        for _ in range(64):
            sent.append(1)
            yield bytes(1 << 18)

    assert ask.post("/api/predict", headers=FORM, content=endless()).status_code == 413


def test_a_picture_over_the_limit_is_refused_before_it_is_decoded(ask, monkeypatch):
    monkeypatch.setattr(request, "IMAGE_BYTES", 1 << 20)
    assert post(ask, "fast-1", [bytes((1 << 20) + 1)]).status_code == 413


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://localhost:8501", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:3000"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Host": "rebound.example:8501"}, 403),
        ({"Host": "localhost.evil.example"}, 403),
        ({"Host": "127.0.0.1:8501"}, 200),
        ({"Host": "[::1]:8501"}, 200),
        ({"X-Forwarded-For": "203.0.113.9"}, 403),
    ],
)
def test_on_this_computer_programs_are_answered_and_pages_of_other_sites_are_not(ask, headers, status):
    result = ask.get("/api/openapi.json", headers=headers)
    assert result.status_code == status
    assert "access-control-allow-origin" not in result.headers


@pytest.mark.parametrize("address", ["0.0.0.0", None, "192.0.2.7", "::"])
def test_beyond_this_computer_it_is_off_until_there_is_a_token(monkeypatch, address):
    monkeypatch.delenv(guard.TOKEN, raising=False)
    monkeypatch.setattr(st, "get_option", {"server.address": address}.get)
    app = Starlette(routes=routes.ROUTES)
    near, far = Client(app, **HERE), Client(app, base_url="http://box.example:8501", client=("192.0.2.1", 5000))
    for client in (near, far):
        assert client.get("/api/models").status_code == client.post("/api/predict").status_code == 403
    monkeypatch.setenv(guard.TOKEN, "s3cret")
    for given, status in (
        (None, 401),
        ("Bearer wrong", 401),
        ("Basic s3cret", 401),
        ("Bearer s3cret", 200),
        ("bearer s3cret", 200),
    ):
        result = far.get("/api/openapi.json", headers={"Authorization": given} if given else {})
        assert result.status_code == status
        assert (result.headers.get("www-authenticate") == "Bearer") == (status == 401)
    crossed = {"Authorization": "Bearer s3cret", "Origin": "https://evil.example"}
    assert far.get("/api/openapi.json", headers=crossed).status_code == 403


def test_who_is_too_many_is_told_to_come_again_and_who_waits_too_long_is_told_so():
    held = threading.Event()

    async def scene():
        inference = Inference(workers=1, waiting=2, seconds=2)
        waiting = [asyncio.create_task(inference.run(held.wait)) for _ in range(2)]
        await asyncio.sleep(0.05)
        with pytest.raises(ApiError) as full:
            await inference.run(lambda: 1)
        late = await asyncio.gather(*waiting, return_exceptions=True)
        held.set()
        deadline = time.monotonic() + 10
        while True:
            try:
                return full.value, late, await inference.run(lambda: "again")
            except ApiError:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.02)

    # In a thread of its own: the one of the tests may have an event loop already, the browser's.
    with ThreadPoolExecutor(1) as pool:
        full, late, again = pool.submit(asyncio.run, scene()).result()
    assert (full.status, full.headers) == (503, {"Retry-After": "2"})
    assert [error.status for error in late] == [504, 504]
    assert again == "again"


def test_the_document_is_openapi_and_names_every_route():
    whole = openapi(routes.ENDPOINTS)
    assert set(whole["paths"]) == {route.path for route in routes.ROUTES}
    operations = [operation for path in whole["paths"].values() for operation in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    for schema in whole["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    known = {f"#/components/schemas/{name}" for name in whole["components"]["schemas"]}
    assert set(references(whole)) == known
    for response in (response for operation in operations for response in operation["responses"].values()):
        assert set(response) == {"description", "content"}


class Thing(TypedDict):
    name: str
    kind: Annotated[Literal["a", "b"], {"description": "of a thing"}]
    score: NotRequired[Score | None]


class FailedThing(Thing):
    error: str


@dataclass(frozen=True)
class ThingForm:
    name: str
    count: Annotated[int, {"minimum": 1}] = 2


def test_what_a_type_has_is_in_the_document():
    async def handler(request) -> Thing | FailedThing:
        raise NotImplementedError

    whole = openapi([Endpoint("POST", "/things", "things", "Things", handler, (403, 422), form=ThingForm)])
    schemas, operation = whole["components"]["schemas"], whole["paths"]["/things"]["post"]
    assert schemas["Thing"] == {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "kind": {"enum": ["a", "b"], "description": "of a thing"},
            "score": {"oneOf": [{"$ref": "#/components/schemas/Score"}, {"type": "null"}]},
        },
        "required": ["name", "kind"],
        "additionalProperties": False,
    }
    assert set(schemas["FailedThing"]["required"]) == {"name", "kind", "error"}
    assert set(schemas["Score"]["properties"]) == {"value", "low", "high"}
    contents = {status: list(references(response)) for status, response in operation["responses"].items()}
    component = "#/components/schemas/{}".format
    assert contents == {
        "200": [component("Thing")],
        "403": [component("Error")],
        "422": [component("Error"), component("FailedThing")],
    }
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["properties"] == {"name": {"type": "string"}, "count": {"type": "integer", "minimum": 1, "default": 2}}
    assert form["required"] == ["name"]
    assert {parameter["name"]: parameter["schema"] for parameter in operation["parameters"]} == form["properties"]


def references(part):
    if isinstance(part, dict):
        yield from [part["$ref"]] if "$ref" in part else []
    for value in part.values() if isinstance(part, dict) else part if isinstance(part, list) else []:
        yield from references(value)


def test_a_run_without_a_model_is_not_there_to_be_asked(ask, home, monkeypatch):
    monkeypatch.setenv("SCENESCOPE_HOME", str(home))
    assert ask.get("/api/models").json() == {"models": []}


def test_the_json_of_an_error_holds_no_path_of_this_computer(ask, finished):
    result = post(ask, "no-such-run", [b"x"])
    assert str(finished.home) not in json.dumps(result.json())
    assert SimpleNamespace(**result.json()).error
