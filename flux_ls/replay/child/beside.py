"""The process beside a replay: the kernel asks it about each connection, from C as from Python (`seccomp.py`).

It has read nothing of the application and is under no guard itself. It sees the address where the caller has it in its
memory. An application is no enemy, who would change that between the look and the call.
"""

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import select
import signal
import struct
import threading
import time
from typing import Any

from flux_ls.replay.child import channel, seccomp
from flux_ls.replay.child.addresses import Allowed, Asked, What, asked_of

_PIDFD_OPEN, _PIDFD_GETFD = 434, 438
_RECEIVE, _SEND, _IS_VALID = 0xC0502100, 0xC0182101, 0x40082102
_NOTICE, _DECISION = "=QIIiIQ6Q", "=QqiI"
_GOES_ON = 1
_MOST_MESSAGES = 1024
_GRACE_S = 5.0
_ERRORS = 2
"""Every process has it."""
_MARK = b"flux-replay-mark"
_POINTERS = "=QI4x"
"""Of a message: where its address is, and how long."""
_SIZE_OF_MESSAGE = 64
"""A message of several has its length beside it."""


class Guarded:
    """The replay's end: what it says to the process beside it."""

    def __init__(self, ask: int, answer: int) -> None:
        self._ask, self._answer = ask, answer
        self._lock = threading.Lock()

    def _say(self, **told: object) -> str:
        with self._lock:
            os.write(self._ask, json.dumps(told).encode() + b"\n")
            line = b""
            while not line.endswith(b"\n"):
                piece = os.read(self._answer, 4096)
                if not piece:
                    return "it has ended"
                line += piece
        return line.decode().rstrip("\n")

    def close(self, **limits: Any) -> str | None:
        """From now on nothing connects but what is allowed; why that is not so, if so. Comes before any thread."""
        known = seccomp.calls()
        assert known is not None
        seccomp.let_itself_be_read()
        mark = ctypes.create_string_buffer(_MARK)
        because = self._say(say="ready", mark=ctypes.addressof(mark), **limits)
        if because:
            return because
        try:
            listener = seccomp.install(known)
        except OSError as error:
            return f"the kernel refuses the filter ({error.strerror})"
        because = self._say(say="closed", listener=listener)
        os.close(listener)
        return because or None

    def let_through(self, host: str, port: int) -> None:
        self._say(say="let", host=host, port=port)

    def only_the_first(self) -> None:
        """What was let through later is not, any more."""
        self._say(say="again")


def split() -> Guarded | None:
    """Goes on as two processes, of which the caller is the one with the application. None where that is of no use."""
    known = seccomp.calls()
    if known is None:
        return None
    theirs, ask = os.pipe()
    answer, mine = os.pipe()
    pid = os.fork()
    if pid:
        os.close(ask)
        os.close(answer)
        _stand_by(pid, theirs, mine)
    os.close(theirs)
    os.close(mine)
    return Guarded(ask, answer)


def _stand_by(pid: int, heard: int, said: int) -> None:
    """Until the replay's process is gone; then this one is, with the word how it went."""
    beside = _Beside(pid, heard, said)
    try:
        beside.stand()
    finally:
        try:
            # Whoever still waits for an answer gets none, and does not connect.
            beside.close()
            channel.tell("ended", code=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        finally:
            os._exit(0)


class _Beside:
    def __init__(self, pid: int, heard: int, said: int) -> None:
        self._pid, self._heard, self._said = pid, heard, said
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._process = self._libc.syscall(_PIDFD_OPEN, pid, 0)
        self._listener = -1
        self._first = self._allowed = Allowed()
        self._lines = b""

    def stand(self) -> None:
        poll = select.poll()
        for descriptor in (self._heard, self._process):
            poll.register(descriptor, select.POLLIN)
        poll.register(channel.way_in(), 0)
        deadline: float | None = None
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
            if left == 0:
                os.killpg(0, signal.SIGKILL)
            for descriptor, events in poll.poll(left):
                if descriptor == channel.way_in():
                    # Who asked is gone, and the replay ends itself; unless something in C has all of its process.
                    poll.unregister(descriptor)
                    deadline = time.monotonic() + _GRACE_S
                    continue
                if descriptor == self._listener and events & select.POLLIN:
                    self._decide()
                elif descriptor != self._heard or not self._hear():
                    return
                elif self._listener >= 0:
                    poll.register(self._listener, select.POLLIN)

    def close(self) -> None:
        for descriptor in (self._heard, self._said, self._listener):
            if descriptor >= 0:
                os.close(descriptor)

    def _hear(self) -> bool:
        piece = os.read(self._heard, 65536)
        self._lines += piece
        while b"\n" in self._lines:
            line, _, self._lines = self._lines.partition(b"\n")
            told = json.loads(line)
            try:
                answer = getattr(self, f"_{told.pop('say')}")(**told)
            except OSError as error:
                answer = f"the process beside it cannot look into it ({error.strerror})"
            os.write(self._said, (answer or "").encode() + b"\n")
        return bool(piece)

    def _ready(self, mark: int, **limits: Any) -> str | None:
        """Whether it sees the other process's memory, and gets at its descriptors: else nothing could be allowed."""
        os.close(self._taken(_ERRORS))
        if _memory(self._pid, mark, len(_MARK)) != _MARK:
            return "the process beside it cannot look into it"
        self._first = Allowed.of(limits)
        self._allowed = self._first.copy()
        return None

    def _closed(self, listener: int) -> None:
        self._listener = self._taken(listener)

    def _let(self, host: str, port: int) -> None:
        self._allowed.add(host, port)

    def _again(self) -> None:
        self._allowed = self._first.copy()

    def _taken(self, descriptor: int) -> int:
        """The other process's descriptor, as one of this process."""
        taken: int = self._libc.syscall(_PIDFD_GETFD, self._process, descriptor, 0)
        if taken < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return taken

    def _decide(self) -> None:
        notice = bytearray(struct.calcsize(_NOTICE))
        try:
            fcntl.ioctl(self._listener, _RECEIVE, notice)
        except OSError:
            return  # The caller was interrupted, and asks again.
        id, pid, _, number, _, _, *arguments = struct.unpack(_NOTICE, notice)
        try:
            fine = all(self._allowed.lets(pid, asked) for asked in self._asked(pid, number, arguments))
            fcntl.ioctl(self._listener, _IS_VALID, struct.pack("=Q", id))
        except Exception:
            # The caller is gone, or what it gave is no address.
            fine = False
        decision = struct.pack(_DECISION, id, 0, 0 if fine else -errno.EACCES, _GOES_ON if fine else 0)
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._listener, _SEND, decision)

    def _asked(self, pid: int, number: int, arguments: list[int]) -> list[Asked]:
        known = seccomp.calls()
        assert known is not None
        if number in (known.connect, known.bind):
            what: What = "bind" if number == known.bind else "connect"
            return [asked_of(what, _memory(pid, arguments[1], min(arguments[2], 128)))]
        if number == known.sendto:
            return [asked_of("send", _memory(pid, arguments[4], min(arguments[5] & 0xFFFFFFFF, 128)))]
        count = min(arguments[2] & 0xFFFFFFFF, _MOST_MESSAGES) if number == known.sendmmsg else 1
        heads = (struct.unpack(_POINTERS, _memory(pid, arguments[1] + _SIZE_OF_MESSAGE * n, 16)) for n in range(count))
        return [asked_of("send", _memory(pid, where, min(length, 128))) for where, length in heads if where and length]


def _memory(pid: int, address: int, length: int) -> bytes:
    file = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(file, length, address)
    finally:
        os.close(file)
