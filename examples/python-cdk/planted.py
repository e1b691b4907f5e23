"""The same connector with a fault planted, to see it found: at any stream's state it writes the rows of
that stream, and empties the buffers of all. It is the mistake that is made when one buffer becomes
several; with one stream, or one stream after the other, nothing is lost.

    python planted.py spec | check --config FILE | write --config FILE --catalog FILE
"""

import sys

from destination_jsonl import destination
from destination_jsonl.sync import Sync


class Forgetful(Sync):
    def _acknowledge(self, state: dict[str, str]) -> str:
        for stream in self._covered_by(state):
            stream.file.flush()
        for stream in self._streams.values():
            stream.file._pending.clear()
        return super()._acknowledge(state)


destination.Sync = Forgetful  # type: ignore[misc]

if __name__ == "__main__":
    destination.DestinationJsonl().run(sys.argv[1:])
