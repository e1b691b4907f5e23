"""Run with: python -m unittest (in this folder)."""

import io
import json
import logging
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from destination_jsonl.destination import DestinationJsonl
from destination_jsonl.exact_json import join
from destination_jsonl.storage import StreamFile, encode
from destination_jsonl.sync import ExactMessage
from read import rows

logging.disable()  # the CDK logs to stdout, in between the results
HERE = Path(__file__).parent
EXACT = (
    '{"big":9223372036854775809,"long":1234567890123456789012345678901234567890,'
    '"one":1.0,"int":1,"minus":-0,"huge":1e400,"lone":"\\ud800"}'
)


def record(stream: str, data: str, namespace: str | None = None) -> str:
    key = json.dumps({"stream": stream, "namespace": namespace, "emitted_at": 1})[1:-1]
    return f'{{"type":"RECORD","record":{{{key},"data":{data}}}}}'


def state(stream: str, rest: str = "") -> str:
    descriptor = json.dumps({"stream_descriptor": {"name": stream}})
    return f'{{"type":"STATE","state":{{"type":"STREAM","stream":{descriptor}{rest}}}}}'


def status(stream: str, reported: str) -> str:
    reported_status = {"stream_descriptor": {"name": stream}, "status": reported}
    trace = {"type": "STREAM_STATUS", "emitted_at": 1.7e12, "stream_status": reported_status}
    return json.dumps({"type": "TRACE", "trace": trace})


def configured(
    name: str, mode: str = "append", namespace: str | None = None, **more: Any
) -> dict[str, Any]:
    stream: dict[str, Any] = {"name": name, "namespace": namespace}
    stream |= {"json_schema": {}, "supported_sync_modes": ["full_refresh"]}
    return {"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": mode, **more}


class DestinationTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.folder = Path(directory.name)
        self.root = str(self.folder / "landed")

    def sync(self, catalog: list[dict[str, Any]], *lines: str | bytes) -> list[str]:
        """What comes out; the exception that ended it, if any, is kept in `self.error`."""
        path = self.folder / "catalog.json"
        path.write_text(json.dumps({"streams": catalog, "unknown": 1}), encoding="utf-8")
        sent = b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in lines)
        answers: list[str] = []
        self.error: AirbyteTracedException | None = None
        try:
            for message in DestinationJsonl()._run_write(
                {"destination_path": self.root}, str(path), io.TextIOWrapper(io.BytesIO(sent))
            ):
                assert isinstance(message, ExactMessage)
                answers.append(join(message.members))
        except AirbyteTracedException as error:
            self.error = error
        return answers

    def landed(self, stream: str, namespace: str | None = None) -> list[str]:
        return list(rows(StreamFile(self.root, namespace, stream)))

    def ids(self, stream: str, namespace: str | None = None) -> list[int]:
        return [json.loads(row)["id"] for row in self.landed(stream, namespace)]

    def test_data_keeps_its_spelling(self) -> None:
        self.sync([configured("a", sync_id=7)], record("a", EXACT), record("a", "{}"))
        first, second = self.landed("a")
        self.assertTrue(first.startswith(EXACT[:-1]), first)
        columns = json.loads(second)
        self.assertTrue(columns.pop("_airbyte_raw_id"))
        self.assertEqual(
            columns,
            {
                "_airbyte_generation_id": 0,
                "_airbyte_extracted_at": 1,
                "_airbyte_meta": {"changes": [], "sync_id": 7},
            },
        )

    def test_state_comes_back_as_it_was_with_the_count_since_the_last(self) -> None:
        extra = f',"id":12,"sourceStats":{{"recordCount":2.0}},"odd":null,"blob":{EXACT}'
        stale = ',"destinationStats":{"recordCount":99.0}'
        out = self.sync(
            [configured("a"), configured("b")],
            state("a", extra),
            record("a", "{}"), record("b", "{}"), record("a", "{}"), state("a", extra + stale),
            state("a"), state("outside"), state("b"),
        )  # fmt: skip
        counts = [json.loads(line)["state"]["destinationStats"]["recordCount"] for line in out]
        self.assertEqual(counts, [0.0, 2.0, 0.0, 0.0, 1.0])
        self.assertEqual(out[1], state("a", extra + ',"destinationStats":{"recordCount":2.0}'))

    def test_global_and_legacy_states_cover_every_stream(self) -> None:
        shared = '{"shared_state":null,"stream_states":[]}'
        everything = f'{{"type":"STATE","state":{{"type":"GLOBAL","global":{shared},"id":1}}}}'
        legacy = '{"type":"STATE","state":{"data":{"x":1.50}}}'
        out = self.sync(
            [configured("a"), configured("b")],
            record("a", "{}"), record("b", "{}"), everything, record("b", "{}"), legacy, legacy,
        )  # fmt: skip
        stats = ',"destinationStats":{"recordCount":%s.0}}}'
        expected = [everything[:-2] + stats % 2, legacy[:-2] + stats % 1, legacy[:-2] + stats % 0]
        self.assertEqual(out, expected)

    def test_overwrite_swaps_at_the_end_of_the_input_only(self) -> None:
        self.sync([configured("a"), configured("b")], record("a", '{"id":1}'), record("b", '{"id":1}'))
        out = self.sync(
            [configured("a", "overwrite")], record("a", '{"id":2}'), state("a"), "garbage", state("a")
        )
        self.assertEqual((len(out), self.ids("a")), (1, [1, 2]))
        self.sync([configured("a", "overwrite")], record("a", '{"id":3}'))
        self.assertEqual((self.ids("a"), self.ids("b")), ([3], [1]))
        self.sync([configured("a", "overwrite")])
        self.assertEqual(self.ids("a"), [])

    def test_a_refresh_is_resumed_and_removes_only_once_complete(self) -> None:
        self.sync([configured("a")], record("a", '{"id":1}'))
        refresh = [configured("a", generation_id=2, minimum_generation_id=2)]
        for ending in ([], [status("a", "INCOMPLETE"), status("a", "COMPLETE")]):
            out = self.sync(refresh, record("a", '{"id":2}'), state("a"), *ending)
            self.assertEqual(len(out), 1)
            self.assertEqual(self.error and self.error.failure_type, FailureType.transient_error)
        self.assertEqual(self.ids("a"), [1, 2, 2])
        self.sync(refresh, record("a", '{"id":3}'), status("a", "COMPLETE"))
        self.assertIsNone(self.error)
        self.assertEqual(self.ids("a"), [2, 2, 3])
        self.sync([configured("a", generation_id=3, minimum_generation_id=0)], status("a", "COMPLETE"))
        self.assertEqual(self.ids("a"), [2, 2, 3])

    def test_nothing_is_removed_while_another_stream_did_not_complete(self) -> None:
        self.sync([configured("a"), configured("b")], record("a", '{"id":1}'))
        refresh = [configured(name, generation_id=1, minimum_generation_id=1) for name in ("a", "b")]
        self.sync(refresh, status("a", "COMPLETE"))
        self.assertEqual((self.ids("a"), self.error is None), ([1], False))

    def test_what_cannot_be_stored_ends_the_sync(self) -> None:
        nan, bare = record("a", '{"x":NaN}'), '{"type":"RECORD","record":{"stream":"a","emitted_at":1}}'
        deep = record("a", '{"x":' + "[" * 100_000 + "]" * 100_000 + "}")
        two = record("a", "{}") * 2
        unknown = [record("other", "{}"), record("a", "{}", "other")]
        unreadable: list[str | bytes] = ["{", "[]", nan, bare, deep, two, b'"\xff"']
        for bad in [*unknown, *unreadable]:
            out = self.sync([configured("a")], record("a", "{}"), state("a"), bad, state("a"))
            self.assertEqual((len(out), self.error is None), (1, False), bad[:80])

    def test_noise_is_ignored(self) -> None:
        log = '{"type":"LOG","log":{"level":"INFO","message":"x"}}'
        trace = '{"type":"TRACE","trace":{"type":"ERROR"}}'
        noise = [log, trace, '{"type":"CONTROL"}', '{"type":"NEW"}', "{}", "", "  "]
        out = self.sync(
            [configured("a")], *noise, status("a", "STARTED"), record("a", "{}") + "\r", state("a")
        )
        self.assertEqual((len(out), len(self.landed("a")), self.error), (1, 1, None))

    def test_a_catalog_that_cannot_be_done_is_refused_before_the_input(self) -> None:
        backwards = configured("a", generation_id=1, minimum_generation_id=2)
        unsupported, unknown = configured("a", "append_dedup"), configured("a", "potato")
        for catalog in ([unsupported], [unknown], [backwards], [configured("a")] * 2):
            self.assertEqual(self.sync(catalog, state("a")), [])
            self.assertEqual(self.error and self.error.failure_type, FailureType.config_error)

    def test_names_stay_apart(self) -> None:
        long, plain = ["😀" * 511, "😀" * 512], ["foo-1", "foo_1", "Foo_1", "default", "@default"]
        names = [*plain, *long, "", ".", "..", "a/b", "\ud800"]
        keys: list[tuple[str | None, str]] = [
            (namespace, name) for namespace in (None, *names) for name in names
        ]
        catalog = [configured(name, namespace=namespace) for namespace, name in keys]
        self.sync(
            catalog, *(record(name, f'{{"id":{i}}}', namespace) for i, (namespace, name) in enumerate(keys))
        )
        self.assertEqual(
            [self.ids(name, namespace) for namespace, name in keys], [[i] for i in range(len(keys))]
        )
        index = Path(self.root, "@default", f"{encode('😀' * 512)}.name")
        self.assertEqual(json.loads(index.read_text()), "😀" * 512)

    def test_a_row_cut_off_by_a_kill_is_dropped(self) -> None:
        self.sync([configured("a")], record("a", '{"id":1}'))
        path = StreamFile(self.root, None, "a").path
        path.write_bytes(path.read_bytes() + b'{"_airbyte_gener' + b"x" * 200_000)
        self.assertEqual(self.ids("a"), [1])
        self.sync([configured("a")], record("a", '{"id":2}'))
        self.assertEqual(self.ids("a"), [1, 2])

    def test_as_a_process_in_any_locale(self) -> None:
        config, catalog = self.folder / "config.json", self.folder / "catalog.json"
        config.write_text(json.dumps({"destination_path": self.root}))
        catalog.write_text(
            json.dumps({"streams": [configured("é😀")]}, ensure_ascii=False), encoding="utf-8"
        )
        sent = record("é😀", '{"é":"😀"}') + "\n" + state("é😀") + "\n" + record("x", "{}") + "\n"
        environment = {
            "LANG": "C",
            "PYTHONUTF8": "0",
            "PYTHONCOERCECLOCALE": "0",
            "PATH": os.environ["PATH"],
        }
        command = [
            sys.executable,
            str(HERE / "main.py"),
            "write",
            "--config",
            str(config),
            "--catalog",
            str(catalog),
        ]
        done = subprocess.run(
            command, input=sent.encode(), capture_output=True, env=environment, check=False
        )
        messages = [json.loads(line) for line in done.stdout.decode().splitlines()]
        self.assertEqual([message["type"] for message in messages], ["LOG", "STATE", "LOG", "TRACE"])
        self.assertEqual((done.returncode, done.stderr), (1, b""))
        read = [sys.executable, str(HERE / "read.py"), "--config", str(config), "--stream", "é😀"]
        output = subprocess.run(read, capture_output=True, env=environment, check=True).stdout
        self.assertEqual(json.loads(output)["é"], "😀")


if __name__ == "__main__":
    unittest.main()
