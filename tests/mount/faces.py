#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the port scans and gets is what find and cat show, byte for byte:
faces.py MOUNTPOINT PORT. A random tree, written from both sides, with names
and sizes that have caught others: names that sort between a directory and its
contents, bytes that are no text, contents around the inline limit and the
block size, holes, empty files, links."""
import base64
import os
import random
import sys

from port import Port
from tap import equal, run, test

mnt, number = sys.argv[1], sys.argv[2]
port = Port(number)
seed = int(os.environ.get("TT_TEST_SEED", random.randrange(1 << 32)))
print(f"# seed {seed} (repeat with TT_TEST_SEED={seed})")
rng = random.Random(seed)

NAMES = ["a", "a-b", "a.b", "a0", "b", "B", "é", "z z", "日本", "a\tb", "q\"q",
         "n" * 255, "~", "!", "-x", "back\\slash"]
SIZES = [0, 1, 100, 4095, 4096, 4097, 16383, 16384, 16385, 50000, 200000]


def contents():
    size = rng.choice(SIZES)
    if rng.random() < 0.5:
        return bytes(rng.choice(b"abc \n\"\\") for _ in range(size))
    return rng.randbytes(size)


def write_file(path, data):
    with open(path, "wb") as f:
        if rng.random() < 0.3 and len(data) > 10:
            # in two halves, the second first: a hole for a moment
            half = len(data) // 2
            f.seek(half)
            f.write(data[half:])
            f.flush()
            f.seek(0)
            f.write(data[:half])
        else:
            f.write(data)


def set_key(path, data):
    port.set(os.path.relpath(path, mnt), base64.b64encode(data).decode(),
             encoding="base64")


def grow(directory, depth):
    for name in rng.sample(NAMES, 8):
        path = os.path.join(directory, name)
        kind = rng.random()
        if kind < 0.35 and depth < 3:
            os.mkdir(path)
            grow(path, depth + 1)
        elif kind < 0.42:
            os.symlink(rng.choice(NAMES), path)
        elif kind < 0.7:
            write_file(path, contents())
        else:
            set_key(path, contents())


def seen_by_mount(base):
    """Key to contents, as a program on the mount finds them."""
    found = {}
    for directory, directories, files in os.walk(base):
        links = [d for d in directories
                 if os.path.islink(os.path.join(directory, d))]
        for name in files + links:
            path = os.path.join(directory, name)
            key = os.fsencode(os.path.relpath(path, mnt))
            if os.path.islink(path):
                found[key] = os.fsencode(os.readlink(path))
            else:
                with open(path, "rb") as f:
                    found[key] = f.read()
    return found


def value_of(item, field):
    if item.get("encoding") == "base64":
        return base64.b64decode(item[field])
    return item[field].encode()


def scan(**bounds):
    items, cursor = [], None
    while True:
        more = {"cursor": cursor} if cursor else bounds
        answer = port.must(operation="SCAN", limit=37, **more)
        items += answer["items"]
        cursor = answer.get("cursor")
        if not cursor:
            return [(i["key"].encode(), value_of(i, "value")) for i in items]


@test("a scan shows what find and cat show, in the order of the bytes")
def _(d):
    grow(d, 0)
    equal(scan(prefix=os.path.relpath(d, mnt) + "/"),
          sorted(seen_by_mount(d).items()))


@test("backwards, too")
def _(d):
    grow(d, 0)
    equal(scan(prefix=os.path.relpath(d, mnt) + "/", reverse=True),
          sorted(seen_by_mount(d).items(), reverse=True))


@test("any two bounds cut the same keys out")
def _(d):
    grow(d, 0)
    everything = sorted(seen_by_mount(d).items())
    for _ in range(30):
        # keys, and beginnings of keys, as bounds
        low, high = sorted(
            k.decode()[:rng.randint(1, 40)].encode()
            for k, _ in rng.choices(everything, k=2))
        top = (os.path.relpath(d, mnt) + "/").encode()
        low, high = max(low, top), max(high, top)
        if low == high:
            continue
        equal(scan(start=low.decode(), end=high.decode()),
              [kv for kv in everything if low <= kv[0] < high])


@test("each key gets what its file holds")
def _(d):
    grow(d, 0)
    for key, data in seen_by_mount(d).items():
        answer = port.must(operation="GET", key=key.decode())
        equal(value_of(answer, "data"), data)
        stat = os.lstat(os.path.join(mnt, key.decode()))
        answer = port.must(operation="STAT", key=key.decode())
        equal((answer["size"], int(answer["mode"], 8)),
              (stat.st_size, stat.st_mode & 0o7777))


run(mnt)
