"""Git's index as bytes: which file of which content is where, and what its status was. Of version 2 alone."""

import hashlib
import os
import struct
from binascii import hexlify, unhexlify
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from flux_ls.git.removing import remove

_HEAD = struct.Struct(">4sII")
_STATUS = struct.Struct(">10I")
_FLAGS = struct.Struct(">H")
_LONGEST = 0xFFF
_32_BITS = 0xFFFFFFFF
_PADDED = 8
_SECOND = 10**9
LINK = 0o120000
PROGRAM = 0o100755
FILE = 0o100644
SUBMODULE = 0o160000


class Unread(Exception):
    """An index that holds more than plain entries, or is none."""


class Entry(Struct, frozen=True, gc=False):
    """A file of the index, and the bytes that stand for it there."""

    mode: int
    id: bytes
    """Of its content, in hexadecimal digits."""
    packed: bytes


class Index(Struct, frozen=True):
    """The whole file, and when it was written: files of its time or later may have changed without their times."""

    data: bytes
    written_ns: int

    @classmethod
    def read(cls, path: Path) -> "Index":
        return cls(path.read_bytes(), path.stat().st_mtime_ns)

    def write(self, path: Path) -> None:
        """Writes it again, as if it had not been written since."""
        remove(path)
        path.write_bytes(self.data)
        os.utime(path, ns=(self.written_ns, self.written_ns))


def entry_of(path: bytes, mode: int, id: bytes, status: os.stat_result) -> Entry:
    """`status` is what the file has right after it was written."""
    ctime, mtime = status.st_ctime_ns, status.st_mtime_ns
    head = _STATUS.pack(
        ctime // _SECOND & _32_BITS,
        ctime % _SECOND,
        mtime // _SECOND & _32_BITS,
        mtime % _SECOND,
        status.st_dev & _32_BITS,
        status.st_ino & _32_BITS,
        mode,
        status.st_uid,
        status.st_gid,
        status.st_size & _32_BITS,
    )
    whole = head + unhexlify(id) + _FLAGS.pack(min(len(path), _LONGEST)) + path
    return Entry(mode, id, whole + bytes(_PADDED - len(whole) % _PADDED))


def packed(entries: Sequence[Entry], format: str) -> bytes:
    """The whole index of entries that stand in the order of their paths; `format` is `sha1` or `sha256`."""
    body = b"".join((_HEAD.pack(b"DIRC", 2, len(entries)), *(entry.packed for entry in entries)))
    return body + hashlib.new(format, body, usedforsecurity=False).digest()


def entries_of(data: bytes, format: str) -> Iterator[tuple[bytes, Entry]]:
    """The entries by their paths. Raises Unread."""
    size = hashlib.new(format, usedforsecurity=False).digest_size
    if len(data) < _HEAD.size + size:
        raise Unread
    mark, version, count = _HEAD.unpack_from(data)
    if mark != b"DIRC" or version != 2:
        raise Unread
    at = _HEAD.size
    fixed = _STATUS.size + size
    for _ in range(count):
        if at + fixed + _FLAGS.size > len(data) - size:
            raise Unread
        (flags,) = _FLAGS.unpack_from(data, at + fixed)
        begin = at + fixed + _FLAGS.size
        end = data.find(b"\0", begin)
        # Conflicts, what is assumed to be unchanged, what is left out.
        if flags & ~_LONGEST or end < 0:
            raise Unread
        after = at + (end - at) // _PADDED * _PADDED + _PADDED
        mode = int.from_bytes(data[at + 24 : at + 28], "big")
        yield data[begin:end], Entry(mode, hexlify(data[at + 40 : at + fixed]), data[at:after])
        at = after
