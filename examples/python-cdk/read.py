"""Prints what has landed, one JSON object a row: the fields of the record and the `_airbyte_*` columns.

    python read.py --config FILE --stream NAME [--namespace NAMESPACE]
    python read.py --config FILE --streams FILE

In the second form each line of the file is {"stream": NAME, "namespace": NAMESPACE or null}, and a row is
printed as that object with the row as its `data`. It stands without the CDK, whose import takes longer
than reading does.
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
    forms = ["--config", "--stream"], ["--config", "--stream", "--namespace"], ["--config", "--streams"]
    if len(given) % 2 or options.keys() not in map(set, forms):
        sys.exit("usage: read.py --config FILE (--stream NAME [--namespace NAMESPACE] | --streams FILE)")
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


def rows_of_all(root: str, streams: str) -> Iterator[str]:
    """The rows of all streams that a file names, each with its stream."""
    with open(streams, encoding="utf-8") as lines:
        for line in lines:
            stream = json.loads(line)
            for row in rows(StreamFile(root, stream["namespace"], stream["stream"])):
                yield f'{json.dumps(stream)[:-1]}, "data": {row}}}'


def main() -> None:
    """A stream that was never written has no rows."""
    options = arguments(sys.argv[1:])
    with open(options["--config"], encoding="utf-8") as config:
        root = json.load(config)["destination_path"]
    if "--streams" in options:
        found = rows_of_all(root, options["--streams"])
    else:
        found = rows(StreamFile(root, options.get("--namespace"), options["--stream"]))
    for row in found:
        sys.stdout.buffer.write(row.encode("utf-8") + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
