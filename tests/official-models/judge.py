"""Holds messages against the official models.

Reads one {"model": NAME, "text": JSON TEXT} a line and answers each with a line
{"pydantic": ERROR, "dataclasses": ERROR, "dump": JSON TEXT}, where an error is null if the text
was accepted, and the dump is what the pydantic model makes of an accepted text.
"""

import json
import sys
from functools import cache
from typing import Any

from airbyte_protocol.models import airbyte_protocol as pydantic_models
from airbyte_protocol_dataclasses.models import airbyte_protocol as dataclass_models
from pydantic import TypeAdapter, ValidationError


@cache
def adapter(module: Any, model: str) -> TypeAdapter[Any]:
    return TypeAdapter(getattr(module, model))


def validate(module: Any, model: str, text: str) -> tuple[Any, str | None]:
    # Strict: without it pydantic would take "1" and true for the number 1.
    try:
        return adapter(module, model).validate_json(text, strict=True), None
    except ValidationError as error:
        return None, "; ".join(
            f"{'/'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()
        )


for line in sys.stdin.buffer:
    case = json.loads(line)
    value, refused = validate(pydantic_models, case["model"], case["text"])
    answer = {
        "pydantic": refused,
        "dataclasses": validate(dataclass_models, case["model"], case["text"])[1],
        "dump": None if refused else value.model_dump_json(by_alias=True),
    }
    print(json.dumps(answer))
