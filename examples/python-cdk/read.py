"""Prints what has landed: python read.py --config FILE --stream NAME [--namespace NAMESPACE].

One JSON object a row: the fields of the record and the `_airbyte_*` columns. It stands without the
CDK, whose import takes longer than reading does.
"""

import json
import os
import sys
from collections.abc import Iterator

from destination_jsonl.exact_json import join, members
from destination_jsonl.storage import StreamFile


def arguments(given: list[str]) -> dict[str, str]:
    """Option and value in turn. argparse would take a stream called `-x` for an option."""
    options = dict(zip(given[::2], given[1::2], strict=False))
    required, allowed = {"--config", "--stream"}, {"--config", "--stream", "--namespace"}
    if len(given) % 2 or not required <= options.keys() <= allowed:
        sys.exit("usage: read.py --config FILE --stream NAME [--namespace NAMESPACE]")
    return {name: os.fsencode(value).decode("utf-8") for name, value in options.items()}


def rows(file: StreamFile) -> Iterator[str]:
    """The rows as they are, but for a last one that a kill left without its end."""
    if not file.path.exists():
        return
    with file.path.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                columns = members(line.decode("utf-8"))
                yield join(members(columns.pop("_airbyte_data")) | columns)


def main() -> None:
    """Read the file of one stream; a stream that was never written has no rows."""
    options = arguments(sys.argv[1:])
    with open(options["--config"], encoding="utf-8") as config:
        root = json.load(config)["destination_path"]
    for row in rows(StreamFile(root, options.get("--namespace"), options["--stream"])):
        sys.stdout.buffer.write(row.encode("utf-8") + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
