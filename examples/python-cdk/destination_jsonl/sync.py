"""One `write`: what becomes of each message, and of the files when the input has ended."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from airbyte_cdk.models import (
    AirbyteMessage,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteStream,
    DestinationSyncMode,
    FailureType,
    Type,
)
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from destination_jsonl.exact_json import join, members, optional_string, required, string
from destination_jsonl.storage import StreamFile

Key = tuple[str | None, str]
MEMORY = 8 << 20  # bytes of rows held before they are written, state or not


@dataclass
class ExactMessage(AirbyteMessage):
    """A message that also keeps its members as text.

    The CDK's own model drops properties that it does not know, `state.id` of the platform among
    them, and numbers do not survive it.
    """

    members: dict[str, str] = field(default_factory=dict)
    line_number: int = 0


def _key(descriptor: str) -> Key:
    parts = members(descriptor)
    return optional_string(parts.get("namespace")), string(required(parts, "name"))


@dataclass
class _Stream:
    """A stream of the catalog and what this sync has seen of it so far."""

    file: StreamFile
    configured: ConfiguredAirbyteStream
    meta: dict[str, str]
    unacknowledged: int = 0
    complete: bool = False
    incomplete: bool = False

    def row(self, record: dict[str, str]) -> bytes:
        """The line to store. The generation comes first, where it is found without parsing."""
        data = required(record, "data")
        if not data.startswith("{"):
            raise ValueError('"data" is not an object')
        meta = record.get("meta", "null")
        sent = {} if meta == "null" else members(meta)
        parts = {
            "_airbyte_generation_id": str(self.configured.generation_id or 0),
            "_airbyte_raw_id": f'"{uuid.uuid4()}"',
            "_airbyte_extracted_at": required(record, "emitted_at"),
            "_airbyte_meta": join({"changes": "[]"} | sent | self.meta),
            "_airbyte_data": data,
        }
        return join(parts).encode() + b"\n"

    def succeeded(self) -> bool:
        """Where there are generations only COMPLETE tells success; the end of the input is none."""
        if self.configured.generation_id is None:
            return not self.incomplete
        return self.complete and not self.incomplete

    def remove_old_rows(self) -> None:
        """Overwrite leaves this sync's rows, a truncate refresh those of its generation."""
        if self.configured.minimum_generation_id:
            self.file.keep_generations_from(self.configured.minimum_generation_id)
        elif self.configured.destination_sync_mode is DestinationSyncMode.overwrite:
            self.file.keep_this_sync()


class Sync:
    """Stores records, answers states and finishes the streams of one catalog."""

    def __init__(self, root: str, catalog: ConfiguredAirbyteCatalog) -> None:
        self._streams = {
            (configured.stream.namespace, configured.stream.name): _Stream(
                file=StreamFile(root, configured.stream.namespace, configured.stream.name),
                configured=configured,
                meta={} if configured.sync_id is None else {"sync_id": str(configured.sync_id)},
            )
            for configured in catalog.streams
        }
        self._buffered = 0
        for stream in self._streams.values():
            stream.file.start()

    def take(self, message: ExactMessage) -> ExactMessage | None:
        """Deal with one message; an answer is returned once everything that it vouches for is safe."""
        if message.type is Type.RECORD:
            self._store(members(required(message.members, "record")))
        elif message.type is Type.STATE:
            state = self._acknowledge(members(required(message.members, "state")))
            return ExactMessage(type=Type.STATE, members=message.members | {"state": state})
        elif message.type is Type.TRACE:
            self._note_status(members(required(message.members, "trace")))
        return None

    def finish(self) -> None:
        """Remove what this sync replaces, but only if all of it succeeded."""
        self._flush()
        failed = [name for (_, name), stream in self._streams.items() if not stream.succeeded()]
        if failed:
            shown = ", ".join(ascii(name) for name in failed[:3]) + (", …" if failed[3:] else "")
            raise AirbyteTracedException(
                message=f"{len(failed)} of {len(self._streams)} streams did not complete: {shown}. "
                "What was acknowledged is kept, and no older data was removed.",
                internal_message="the input ended without a COMPLETE status for every stream",
                failure_type=FailureType.transient_error,
            )
        for stream in self._streams.values():
            stream.remove_old_rows()

    def _store(self, record: dict[str, str]) -> None:
        key = (optional_string(record.get("namespace")), string(required(record, "stream")))
        stream = self._streams.get(key)
        if stream is None:
            raise AirbyteTracedException(
                message=f"A record came for stream {key[1]!a} in namespace {key[0]!a}, which is not "
                "in the catalog.",
                failure_type=FailureType.system_error,
            )
        row = stream.row(record)
        stream.file.append(row)
        stream.unacknowledged += 1
        self._buffered += len(row)
        if self._buffered > MEMORY:
            self._flush()

    def _acknowledge(self, state: dict[str, str]) -> str:
        """The state as it came, with the number of records that it covers, once these are safe."""
        covered = list(self._covered_by(state))
        self._flush()
        count = sum(stream.unacknowledged for stream in covered)
        for stream in covered:
            stream.unacknowledged = 0
        return join(state | {"destinationStats": f'{{"recordCount":{count}.0}}'})

    def _covered_by(self, state: dict[str, str]) -> Iterator[_Stream]:
        """GLOBAL and LEGACY states vouch for every stream, whatever they name."""
        kind = optional_string(state.get("type"))
        if kind == "STREAM" or (kind is None and "stream" in state):
            key = _key(required(members(required(state, "stream")), "stream_descriptor"))
            if key in self._streams:
                yield self._streams[key]
        else:
            yield from self._streams.values()

    def _note_status(self, trace: dict[str, str]) -> None:
        if optional_string(trace.get("type")) != "STREAM_STATUS":
            return
        status = members(required(trace, "stream_status"))
        stream = self._streams.get(_key(required(status, "stream_descriptor")))
        if stream is not None:
            reported = string(required(status, "status"))
            stream.complete |= reported == "COMPLETE"
            stream.incomplete |= reported == "INCOMPLETE"

    def _flush(self) -> None:
        for stream in self._streams.values():
            stream.file.flush()
        self._buffered = 0
