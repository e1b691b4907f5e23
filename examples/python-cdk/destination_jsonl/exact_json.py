"""Takes JSON objects apart without changing how anything inside them is written.

A parser that turns numbers into Python or Rust numbers and back loses 1.0 against 1, the digits of
1e400 and every integer that it keeps as a float. What is only passed on is therefore kept as text.
"""

import json
import re
from collections.abc import Mapping
from functools import lru_cache


def _refuse_constant(name: str) -> None:
    """NaN and Infinity are taken by Python's parser, but they are not JSON."""
    raise ValueError(f"{name} is not JSON")


# Numbers are only skipped over here: leaving them as text also avoids Python's limit of 4300 digits.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse_constant)
_SPACE = r"[ \t\r\n]*"
_OPENING = re.compile(rf"{_SPACE}\{{{_SPACE}(\}}{_SPACE})?")
_KEY = re.compile(rf'("[^"\\\x00-\x1f]*(?:\\.[^"\\\x00-\x1f]*)*"){_SPACE}:{_SPACE}')
_CONTINUATION = re.compile(rf"{_SPACE}(?:,{_SPACE}|(\}}{_SPACE}))")


def _expect(pattern: re.Pattern[str], text: str, at: int) -> re.Match[str]:
    match = pattern.match(text, at)
    if match is None:
        raise ValueError(f"not the syntax of an object at character {at}")
    return match


def _end_of_value(text: str, at: int) -> int:
    try:
        return _DECODER.raw_decode(text, at)[1]
    except RecursionError:
        raise ValueError("nested too deeply") from None


def members(text: str) -> dict[str, str]:
    """The members of one JSON object, each value as the text that it was written as."""
    found: dict[str, str] = {}
    separator = _expect(_OPENING, text, 0)
    while separator[1] is None:
        key = _expect(_KEY, text, separator.end())
        end = _end_of_value(text, key.end())
        found[string(key[1])] = text[key.end() : end]
        separator = _expect(_CONTINUATION, text, end)
    if separator.end() != len(text):
        raise ValueError(f"more text after the object, at character {separator.end()}")
    return found


@lru_cache(1024)
def _quoted(key: str) -> str:
    return json.dumps(key)


def join(parts: Mapping[str, str]) -> str:
    """The object made of these members: the reverse of `members`."""
    return "{" + ",".join([f"{_quoted(key)}:{value}" for key, value in parts.items()]) + "}"


def required(parts: Mapping[str, str], key: str) -> str:
    """A member that a message is nothing without."""
    if key not in parts:
        raise ValueError(f'"{key}" is missing')
    return parts[key]


@lru_cache(1024)  # a few keys and names come back with every record
def string(text: str) -> str:
    """The value of a JSON string."""
    value = json.loads(text) if text.startswith('"') else None
    if not isinstance(value, str):
        raise ValueError("expected a string")
    return value


def optional_string(text: str | None) -> str | None:
    """The value of a JSON string that may also be null or absent."""
    return None if text is None or text == "null" else string(text)
