"""The OpenAPI 3.1 document, derived from the API's endpoints and the types of their requests and responses.

Not by pydantic: nothing here installs it, and its models would say a second time what the types say.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, get_args, get_origin, get_type_hints, is_typeddict

from starlette.requests import Request

from dashboard.http.api.documents import Error
from dashboard.http.api.errors import MEANINGS, Status
from dashboard.http.api.request import Upload
from engine import __version__

Schema = dict[str, Any]
_IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp", "image/tiff", "image/heic", "image/avif")
_BASIC: dict[type, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    NoneType: {"type": "null"},
    dict: {"type": "object"},
    Upload: {"type": "string", "format": "binary"},
}


@dataclass(frozen=True)
class Endpoint:
    """One operation. What `handler` returns is in its annotation: a type with the key `error` is sent as 422, any other as 200.

    `errors`: other statuses that a caller must expect. `form`: a dataclass, the fields of the request; those that are no
    files may stand in the address instead.
    """

    method: Literal["GET", "POST"]
    path: str
    name: str
    summary: str
    handler: Callable[[Request], Awaitable[Any]]
    errors: tuple[Status, ...]
    result: str = ""  # the description of a response; by default the summary
    form: type | None = None


def openapi(endpoints: Iterable[Endpoint]) -> Schema:
    """The OpenAPI document."""
    components: Schema = {}
    paths = {one.path: {one.method.lower(): _operation(one, components)} for one in endpoints}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Scenescope", "version": __version__, "description": "Predictions of trained runs."},
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(endpoint: Endpoint, components: Schema) -> Schema:
    bodies: dict[int, list[Any]] = {200: [], **{status: [Error] for status in endpoint.errors}}
    returned = get_type_hints(endpoint.handler)["return"]
    for kind in get_args(returned) if get_origin(returned) is UnionType else [returned]:
        bodies[422 if "error" in getattr(kind, "__annotations__", ()) else 200].append(kind)
    texts = {200: endpoint.result or endpoint.summary, **MEANINGS}
    responses = {
        str(status): {"description": texts[status], "content": {"application/json": {"schema": _union(kinds, components)}}}
        for status, kinds in bodies.items()
    }
    operation: Schema = {"operationId": endpoint.name, "summary": endpoint.summary, "responses": responses}
    return operation if endpoint.form is None else operation | _body(endpoint.form, components)


def _body(form: type, components: Schema) -> Schema:
    """The part of an operation on what is sent to it."""
    schema = _object(form, components)
    fields: Schema = schema["properties"]
    files = [name for name, field in fields.items() if field.get("items") == _BASIC[Upload]]
    encoding = {name: {"contentType": ", ".join(_IMAGE_TYPES)} for name in files}
    note = "Used if the form has no such field, for callers that can only set the address."
    parameters = [
        {"name": name, "in": "query", "required": False, "schema": field, "description": note}
        for name, field in fields.items()
        if name not in files
    ]
    content = {"multipart/form-data": {"schema": schema, "encoding": encoding}}
    return {"parameters": parameters, "requestBody": {"required": True, "content": content}}


def _object(model: Any, components: Schema) -> Schema:
    """The object that a TypedDict or a dataclass describes."""
    properties = {name: json_schema(kind, components) for name, kind in get_type_hints(model, include_extras=True).items()}
    defaults = {name: value for name, value in vars(model).items() if name in properties}  # a dataclass has them as attributes
    for name, value in defaults.items():
        properties[name]["default"] = value
    required = [name for name in properties if name in getattr(model, "__required_keys__", properties) and name not in defaults]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def json_schema(kind: Any, components: Schema) -> Schema:
    """The JSON Schema of a type. TypedDicts are references; their own schemas are added to `components`."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Annotated, NotRequired):
        keywords = arguments[1] if origin is Annotated else {}
        return json_schema(arguments[0], components) | keywords
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is UnionType:
        return _union(arguments, components)
    if origin in (list, tuple):
        return {"type": "array", "items": json_schema(arguments[0], components)}
    if not is_typeddict(kind):
        return dict(_BASIC[origin or kind])
    if kind.__name__ not in components:
        components[kind.__name__] = _object(kind, components)
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def _union(kinds: Iterable[Any], components: Schema) -> Schema:
    schemas = [json_schema(kind, components) for kind in kinds]
    return schemas[0] if len(schemas) == 1 else {"oneOf": schemas}
