"""The API's requests and responses, as an OpenAPI 3.1 document."""

from typing import Any

from dashboard.http.api.request import IMAGE_BYTES, IMAGES, REQUEST_BYTES, TOP, TOP_MAXIMUM
from engine import __version__

_IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp", "image/tiff", "image/heic", "image/avif")
_REFUSALS = {
    "400": "The body is not a multipart form.",
    "401": "The token is missing or wrong.",
    "403": "The request came from a web page of another site, under another host name, or from a remote client while no token is set.",
    "404": "There is no such run, or it has no model yet.",
    "413": "An image, the request or the number of images is too large.",
    "415": "The body is not multipart/form-data.",
    "503": "Too many requests are waiting. Retry-After says when to try again.",
    "504": "The answer took too long.",
}


def document() -> dict[str, Any]:
    """The OpenAPI document; a new one per call, which the caller may change."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Scenescope", "version": __version__, "description": "Predictions of trained runs."},
        "security": [{}, {"token": []}],
        "paths": {
            "/api/predict": {"post": _predict()},
            "/api/models": {"get": _get("Runs that can make predictions", "Models", ("401", "403", "503", "504"))},
            "/api/openapi.json": {"get": _get("This document", "Document", ("401", "403"))},
        },
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _predict() -> dict[str, Any]:
    limits = f"up to {IMAGES} files of {IMAGE_BYTES >> 20} MB, {REQUEST_BYTES >> 20} MB in all"
    run = {"type": "string", "minLength": 1, "description": "the id of a run, as GET /api/models lists them"}
    top = {
        "type": "integer", "minimum": 1, "maximum": TOP_MAXIMUM, "default": TOP,
        "description": "how many classes per image, the most probable first; a run with fewer classes gives them all",
    }  # fmt: skip
    fields = {
        "run": run,
        "images": {
            "type": "array",
            "items": {"type": "string", "format": "binary"},
            "minItems": 1,
            "maxItems": IMAGES,
            "description": limits,
        },
        "top": top,
    }
    form = {"type": "object", "properties": fields, "required": ["run", "images"], "additionalProperties": False}
    return {
        "operationId": "predict",
        "summary": "Classify images",
        "parameters": [
            _parameter("run", run, "Used if the form has no such field, for callers that can only set the address."),
            _parameter("top", top, "Used if the form has no such field."),
        ],
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": form, "encoding": {"images": {"contentType": ", ".join(_IMAGE_TYPES)}}}
            },
        },
        "responses": {
            "200": _json(
                "One prediction per image, in order; an image that could not be read has an error instead.", "Predictions"
            ),
            "422": _json("A field is missing or wrong, or none of the images can be read.", "Unreadable"),
            **{status: _json(text, "Error") for status, text in _REFUSALS.items()},
        },
    }


def _parameter(name: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": text}


def _get(summary: str, schema: str, refusals: tuple[str, ...]) -> dict[str, Any]:
    errors = {status: _json(_REFUSALS[status], "Error") for status in refusals}
    return {"operationId": schema.lower(), "summary": summary, "responses": {"200": _json(summary, schema), **errors}}


def _json(text: str, schema: str) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def _schemas() -> dict[str, Any]:
    from engine.inference.verdict import SURE, UNKNOWN, UNSURE  # not at the top: the server starts sooner without it

    text, number, names = {"type": "string"}, {"type": "number"}, {"type": "array", "items": {"type": "string"}}
    reference = {name: {"$ref": f"#/components/schemas/{name}"} for name in ("Answer", "Model", "Score")}
    error = {"error": text}
    predictions = {
        "run": text, "classes": names, "predictions": {"type": "array", "items": reference["Answer"]}, "milliseconds": number,
    }  # fmt: skip
    counts = {"scored": {"type": "integer"}, "all": {"type": "integer"}}
    scores = {
        "n": {"type": "integer"}, "accuracy": reference["Score"], "macro_f1": reference["Score"],
        "macro_f1_classes": {"oneOf": [{"type": "null"}, _object(counts)], "description": "how many classes have images; null in old runs"},
    }  # fmt: skip
    share = {"type": "number", "minimum": 0, "maximum": 1}
    top = {"type": "array", "items": _object({"class": text, "probability": share})}
    verdict = {
        "verdict": {"enum": [SURE, UNSURE, UNKNOWN], "description": "unknown: unlike the training images (out-of-distribution)"},
        "may_be": names | {"description": "the classes that it may be, the most probable first"},
        "novelty": {
            "type": ["number", "null"],
            "description": "above 1: more unusual than nearly all validation images; null until `novelty` or the Predict page has measured the run",
        },
    }
    return {
        "Error": _object(error, {"hint": text}),
        "Unreadable": _object(error, {"hint": text, **predictions}),
        "Predictions": _object(predictions),
        "Answer": {"oneOf": [_object({"name": text, "top": top, **verdict}), _object({"name": text, "error": text})]},
        "Models": _object({"models": {"type": "array", "items": reference["Model"]}}),
        "Model": _object(
            {
                "id": text, "title": text, "dataset": text, "backbone": text, "image_size": {"type": "integer"}, "classes": names,
                "state": text, "test": {"oneOf": [{"type": "null"}, _object(scores)]},
            }
        ),
        "Score": _object({"value": number, "low": number, "high": number}),
        "Document": {"type": "object"},
    }  # fmt: skip
