"""Prints what the official models say: every type, field and enum value, as one JSON object.

{"pydantic": {NAME: DEFINITION}, "dataclasses": {NAME: DEFINITION}}

The two packages are read each in its own way: the first through the JSON Schema that pydantic
makes of a model, the second through the annotations of the classes.
"""

import dataclasses
import inspect
import json
import types
import typing
from enum import Enum
from typing import Any

from airbyte_protocol.models import airbyte_protocol as pydantic_models
from airbyte_protocol_dataclasses.models import airbyte_protocol as dataclass_models
from pydantic import BaseModel

Json = dict[str, Any]


def classes(module: types.ModuleType) -> list[type]:
    own = [item for item in vars(module).values() if inspect.isclass(item)]
    return [item for item in own if item.__module__ == module.__name__]


def enum_values(enum: type[Enum]) -> Json:
    return {"values": [member.value for member in enum]}


# pydantic


# Whatever else pydantic came to say of a type would be a fact that nothing compares.
KNOWN = {
    "$ref", "additionalProperties", "anyOf", "default", "description", "format", "items",
    "minItems", "minLength", "title", "type",
}  # fmt: skip


def schema_type(schema: Json) -> Any:
    assert schema.keys() <= KNOWN, schema
    assert schema.get("additionalProperties", True) is True, schema
    if "$ref" in schema:
        return {"class": schema["$ref"].rpartition("/")[2]}
    if "anyOf" in schema:
        parts = [schema_type(part) for part in schema["anyOf"] if part != {"type": "null"}]
        inner = parts[0] if len(parts) == 1 else {"either": parts}
        return {"nullable": inner} if {"type": "null"} in schema["anyOf"] else inner
    if schema["type"] == "array":
        at_least = schema.get("minItems", 0)
        return {"array": {"items": schema_type(schema["items"]), "at_least": at_least}}
    if schema["type"] == "string" and "format" in schema:
        return schema["format"]
    return schema["type"]


def schema_fields(model: type[BaseModel]) -> Json:
    schema = model.model_json_schema(by_alias=True)
    assert schema.get("additionalProperties", True) is True, model
    required = schema.get("required", [])
    return {
        "fields": {
            name: {
                "type": schema_type(field),
                "required": name in required,
                "default": field.get("default"),
            }
            for name, field in schema.get("properties", {}).items()
        }
    }


# dataclasses

SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean"}


def annotated_type(annotation: Any) -> Any:
    if annotation in SCALARS:
        return SCALARS[annotation]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is dict:
        return "object"
    if origin is list:
        return {"array": {"items": annotated_type(arguments[0]), "at_least": 0}}
    if origin is typing.Union:
        parts = [annotated_type(part) for part in arguments if part is not type(None)]
        inner = parts[0] if len(parts) == 1 else {"either": parts}
        return {"nullable": inner} if type(None) in arguments else inner
    return {"class": annotation.__name__}


def annotated_fields(dataclass: type) -> Json:
    hints = typing.get_type_hints(dataclass)
    return {
        "fields": {
            field.name: {
                "type": annotated_type(hints[field.name]),
                "required": field.default is dataclasses.MISSING,
                "default": None if field.default is dataclasses.MISSING else field.default,
            }
            for field in dataclasses.fields(dataclass)
        }
    }


def facts(module: types.ModuleType, fields: typing.Callable[[Any], Json]) -> Json:
    return {
        item.__name__: enum_values(item) if issubclass(item, Enum) else fields(item)
        for item in classes(module)
    }


print(
    json.dumps(
        {
            "pydantic": facts(pydantic_models, schema_fields),
            "dataclasses": facts(dataclass_models, annotated_fields),
        }
    )
)
