"""The connector: spec, check and write on the CDK's Destination."""

import argparse
import io
import json
import logging
import signal
import sys
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any, NoReturn, cast

from airbyte_cdk.destinations import Destination
from airbyte_cdk.exception_handler import init_uncaught_exception_handler
from airbyte_cdk.models import (
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteMessageSerializer,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteCatalogSerializer,
    FailureType,
    Status,
    Type,
)
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from destination_jsonl.exact_json import join, members, optional_string
from destination_jsonl.storage import prepare, probe
from destination_jsonl.sync import ExactMessage, Sync

logger = logging.getLogger("airbyte")
HANDLED = {"RECORD": Type.RECORD, "STATE": Type.STATE, "TRACE": Type.TRACE}


def _config_error(message: str) -> AirbyteTracedException:
    return AirbyteTracedException(message=message, failure_type=FailureType.config_error)


def _malformed(line_number: int, error: ValueError) -> AirbyteTracedException:
    """The line itself is not quoted: it may be a record, and those do not belong in logs."""
    return AirbyteTracedException(
        message=f"Line {line_number} of the input is not a message that can be read.",
        internal_message=ascii(str(error))[1:-1],
        failure_type=FailureType.system_error,
    )


def _read_json(path: str) -> Any:
    """Read a file as UTF-8, which the CDK leaves to the locale."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise _config_error(f"Could not read {path!a} as JSON: {error}") from None


def _problem(attempt: Callable[[str], None], root: str) -> str | None:
    """Why this attempt to use the path fails, or None if it does not."""
    try:
        attempt(root)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return f"Cannot write to destination_path {root!a}: {reason}"
    return None


def _stop(signal_number: int, _frame: object) -> NoReturn:
    """As the first process of a container the default for SIGTERM would be to ignore it."""
    sys.exit(128 + signal_number)


class DestinationJsonl(Destination):
    """Keeps each stream as a file of JSON lines."""

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        """Write a file and remove it again: whether that works cannot be told from permissions."""
        problem = _problem(probe, config["destination_path"])
        if problem:
            return AirbyteConnectionStatus(status=Status.FAILED, message=problem)
        return AirbyteConnectionStatus(status=Status.SUCCEEDED)

    def write(
        self,
        config: Mapping[str, Any],
        configured_catalog: ConfiguredAirbyteCatalog,
        input_messages: Iterable[AirbyteMessage],
    ) -> Iterable[AirbyteMessage]:
        """Store records and answer states; older rows go only after all of the input was stored."""
        self._refuse_unsupported(configured_catalog)
        problem = _problem(prepare, config["destination_path"])
        if problem:
            raise _config_error(problem)
        try:
            sync = Sync(config["destination_path"], configured_catalog)
            for message in input_messages:
                if isinstance(message, ExactMessage) and (answer := self._take(sync, message)):
                    yield answer
            sync.finish()
        except OSError as error:
            raise AirbyteTracedException(
                message=f"Could not write to the destination: {error.strerror}.",
                internal_message=ascii(str(error))[1:-1],
                failure_type=FailureType.system_error,
            ) from error

    def read_config(self, config_path: str) -> MutableMapping[str, Any]:  # type: ignore[override]
        """As the CDK's, but UTF-8 in any locale, and every failure is one of the config."""
        config = _read_json(config_path)
        if not isinstance(config, dict):
            raise _config_error("The config is not a JSON object.")
        return config

    def run_cmd(self, parsed_args: argparse.Namespace) -> Iterable[AirbyteMessage]:
        """As the CDK's, but a config that cannot even be read fails the check instead of crashing."""
        try:
            yield from super().run_cmd(parsed_args)
        except AirbyteTracedException as error:
            status = error.as_connection_status_message() if parsed_args.command == "check" else None
            if status is None:
                raise
            yield status

    def run(self, args: list[str]) -> None:
        """As the CDK's, but each message is out when it is printed, and kept text is printed as is.

        Left in the buffer of a pipe, an acknowledgement would reach the platform at the very end.
        """
        signal.signal(signal.SIGTERM, _stop)
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", newline="\n")
        init_uncaught_exception_handler(logger)
        for message in self.run_cmd(self.parse_args(args)):
            sys.stdout.write(self._line(message) + "\n")
            sys.stdout.flush()

    def _run_write(
        self, config: Mapping[str, Any], configured_catalog_path: str, input_stream: io.TextIOWrapper
    ) -> Iterable[AirbyteMessage]:
        """As the CDK's, but the catalog is read as UTF-8 and one that does not fit is a config error."""
        try:
            catalog = ConfiguredAirbyteCatalogSerializer.load(_read_json(configured_catalog_path))
        except ValueError as error:
            raise _config_error(f"The catalog cannot be used: {ascii(str(error))[1:-1]}") from None
        logger.info("Begin writing to the destination...")
        yield from self.write(config, catalog, self._parse_input_stream(input_stream))
        logger.info("Writing complete.")

    def _parse_input_stream(self, input_stream: io.TextIOWrapper) -> Iterable[AirbyteMessage]:
        """Messages with their text. A line that cannot be read ends the sync.

        The CDK skips such a line, and the next state then vouches for a record that is not there.
        Lines are taken as bytes: a text stream would also end them at a carriage return, which
        between two tokens is legal JSON. It must not come back out, so it becomes a space.
        """
        lines = cast(io.BufferedReader, input_stream.buffer)
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                parts = members(line.replace(b"\r", b" ").decode("utf-8"))
                kind = optional_string(parts.get("type"))
            except ValueError as error:
                raise _malformed(number, error) from error
            handled = HANDLED.get(kind or "")
            if handled:
                yield ExactMessage(type=handled, members=parts, line_number=number)

    @staticmethod
    def _take(sync: Sync, message: ExactMessage) -> ExactMessage | None:
        try:
            return sync.take(message)
        except ValueError as error:
            raise _malformed(message.line_number, error) from error

    def _refuse_unsupported(self, catalog: ConfiguredAirbyteCatalog) -> None:
        """Another mode is not done as the nearest one that there is: that would lose or double rows."""
        supported = self.spec(logger).supported_destination_sync_modes or []
        seen = set()
        for configured in catalog.streams:
            name, mode = configured.stream.name, configured.destination_sync_mode
            if mode not in supported:
                raise _config_error(f"Stream {name!a}: sync mode {mode.value} is not supported.")
            if (configured.minimum_generation_id or 0) > (configured.generation_id or 0):
                raise _config_error(f"Stream {name!a}: minimum_generation_id exceeds generation_id.")
            if (configured.stream.namespace, name) in seen:
                raise _config_error(f"Stream {name!a} is in the catalog twice.")
            seen.add((configured.stream.namespace, name))

    @staticmethod
    def _line(message: AirbyteMessage) -> str:
        if isinstance(message, ExactMessage):
            return join(message.members)
        return json.dumps(AirbyteMessageSerializer.dump(message))
