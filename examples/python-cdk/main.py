"""Entry point: python main.py spec | check --config FILE | write --config FILE --catalog FILE."""

import gc
import sys

# Nearly all of a start is spent importing the CDK, which creates a great many objects and drops
# hardly any. Not having the collector walk over them again and again saves a tenth of the start.
gc.disable()
from destination_jsonl.destination import DestinationJsonl  # noqa: E402

gc.freeze()
gc.enable()

if __name__ == "__main__":
    DestinationJsonl().run(sys.argv[1:])
