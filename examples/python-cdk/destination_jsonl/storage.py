"""Where rows are kept: one file a stream, `<root>/<namespace>/<stream>.jsonl`, one row a line."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

# Capitals are not in here: on some file systems Users and users are one file.
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_-")
_LONGEST = 200  # of the 255 bytes that file systems take, less room for the endings
_NO_NAMESPACE = "@default"
_GENERATION = re.compile(rb'\{"_airbyte_generation_id":(\d+),')
_BLOCK = 1 << 16


def encode(name: str) -> str:
    """A file name for any name: `%` and hex for all but the plainest characters.

    Names too long for that become a hash, and a `.name` file beside tells which name it stands for.
    What begins with `@` is never an encoded name, so the two cannot meet, nor the null namespace
    and one that is called default.
    """
    raw = name.encode("utf-8", "surrogatepass")
    encoded = "".join(chr(byte) if byte in _PLAIN else f"%{byte:02x}" for byte in raw)
    if not encoded:
        return "@empty"
    return encoded if len(encoded) <= _LONGEST else f"@{hashlib.sha256(raw).hexdigest()}"


def probe(root: str) -> None:
    """Raise OSError unless rows could be written below this path; leave nothing behind."""
    created = not os.path.isdir(root)
    if created:
        os.mkdir(root)
    try:
        with tempfile.NamedTemporaryFile(dir=root, prefix="@probe-") as file:
            file.write(b"probe")
            file.flush()
            os.fsync(file.fileno())
    finally:
        if created:
            with contextlib.suppress(OSError):  # a sync that started meanwhile may have filled it
                os.rmdir(root)


def prepare(root: str) -> None:
    """As `probe`, but the directory stays: another sync may be starting in it at this moment."""
    _make_directory(Path(root))
    probe(root)


def _fsync_directory(path: Path) -> None:
    """A new or renamed file survives a crash only once its directory has been synced too."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_directory(path: Path) -> None:
    try:
        path.mkdir()
    except FileExistsError:
        return
    _fsync_directory(path.parent)


def _end_of_last_row(file: BinaryIO) -> int:
    """Where the last whole line ends; what follows was cut off by a crash and never acknowledged."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - _BLOCK)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


class StreamFile:
    """The file of one stream. It is only open while it is written, so any number of streams will do."""

    def __init__(self, root: str, namespace: str | None, name: str) -> None:
        self._root = Path(root)
        self._names = {encode(name): name}
        self._directory = self._root / _NO_NAMESPACE
        if namespace is not None:
            self._directory = self._root / encode(namespace)
            self._names[encode(namespace)] = namespace
        self.path = self._directory / f"{encode(name)}.jsonl"
        self._pending: list[bytes] = []
        self._size_at_start = 0

    def start(self) -> None:
        """Drop a row that a killed sync left half written, and note where this sync begins."""
        if self.path.exists():
            with self.path.open("r+b") as file:
                self._size_at_start = _end_of_last_row(file)
                file.truncate(self._size_at_start)

    def append(self, row: bytes) -> None:
        """Take a row. It is safe only after the next `flush`."""
        self._pending.append(row)

    def flush(self) -> None:
        """Make every row taken so far survive a crash of the machine; does nothing if there is none."""
        if not self._pending:
            return
        is_new = not self.path.exists()
        if is_new:
            self._make_directories()
        with self.path.open("ab") as file:
            file.writelines(self._pending)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            _fsync_directory(self._directory)
        self._pending.clear()

    def keep_this_sync(self) -> None:
        """Drop the rows that were there before `start`."""
        if self._size_at_start:
            self._replace(self._copy_this_sync)

    def keep_generations_from(self, minimum: int) -> None:
        """Drop the rows of older generations. Those of an earlier attempt at this one stay."""

        def copy(old: BinaryIO, new: BinaryIO) -> None:
            for row in old:
                generation = _GENERATION.match(row)
                if generation and int(generation[1]) >= minimum:
                    new.write(row)

        if self.path.exists():
            self._replace(copy)

    def _copy_this_sync(self, old: BinaryIO, new: BinaryIO) -> None:
        old.seek(self._size_at_start)
        shutil.copyfileobj(old, new, 1 << 20)

    def _replace(self, copy: Callable[[BinaryIO, BinaryIO], None]) -> None:
        """Write a new file beside the old one and swap them, so that a reader sees one or the other."""
        beside = self.path.with_name(f"{self.path.name}.new")
        with self.path.open("rb") as old, beside.open("wb") as new:
            copy(old, new)
            new.flush()
            os.fsync(new.fileno())
        beside.replace(self.path)
        _fsync_directory(self._directory)

    def _make_directories(self) -> None:
        _make_directory(self._root)
        _make_directory(self._directory)
        for directory, encoded in (
            (self._root, self._directory.name),
            (self._directory, self.path.name.removesuffix(".jsonl")),
        ):
            if encoded.startswith("@") and encoded in self._names:
                text = json.dumps(self._names[encoded])
                (directory / f"{encoded}.name").write_text(text, encoding="ascii")
