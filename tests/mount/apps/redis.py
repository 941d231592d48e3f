#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A client of Redis: redis.py ping|write|check SOCKET TOLD.

Four counters are set together, in one transaction after the other, until the
server is gone; TOLD lists what was acknowledged, across runs."""
import os
import socket
import sys

what, path, told = sys.argv[1:4]


class Redis:
    def __init__(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(path)
        self.file = self.sock.makefile("rb")

    def send(self, *words):
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        self.sock.sendall(b"*%d\r\n" % len(words) + b"".join(
            b"$%d\r\n%s\r\n" % (len(w), w) for w in words))

    def receive(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server is gone")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise ConnectionError(rest.decode())
        if kind == b"*":
            return [self.receive() for _ in range(int(rest))]
        if kind == b"$":
            if rest == b"-1":
                return None
            data = self.file.read(int(rest) + 2)
            if len(data) < int(rest) + 2:
                raise ConnectionError("the server is gone")
            return data[:-2]
        return int(rest) if kind == b":" else rest

    def ask(self, *words):
        self.send(*words)
        return self.receive()


def value(i, n):
    return b"%d " % n * (1 + n * (i + 1) % 60)


def last_told():
    if not os.path.exists(told):
        return 0
    with open(told) as f:
        return int((f.read().split() or ["0"])[-1])


def ping():
    assert Redis().ask("PING") == b"PONG"


def write():
    n = last_told()
    with open(told, "a") as f:
        try:
            r = Redis()
            while True:
                n += 1
                r.send("MULTI")
                for i in range(4):
                    r.send("SET", f"k{i}", value(i, n))
                r.send("EXEC")
                for _ in range(6):
                    r.receive()
                f.write(f"{n}\n")
                f.flush()
        except (ConnectionError, OSError):
            pass


def check():
    r = Redis()
    got = [r.ask("GET", f"k{i}") for i in range(4)]
    n = int(got[0].split()[0])
    assert got == [value(i, n) for i in range(4)], "not of one transaction"
    assert last_told() <= n <= last_told() + 1, (last_told(), n)
    # who goes on counts from here, also where an answer was lost
    with open(told, "a") as f:
        f.write(f"{n}\n")


globals()[what]()
