#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How many requests an operation makes: requests.py MOUNTPOINT PORT [least].

The time of an operation on a FUSE mount is the number of its round trips, so
each is counted here, by the counters that STATS shows. The bounds are for a
mount with default_permissions and extended attributes: the kernel asks for a
directory's attributes again after every change in it, and for
security.capability before the first write to a file. With "least", the mount
has neither, and neither is asked."""
import errno
import os
import subprocess
import sys
import time

from port import Port
from tap import Skip, equal, raises, run, test

mnt, number = sys.argv[1], sys.argv[2]
is_least = sys.argv[3:] == ["least"]
port = Port(number)
# RELEASE and FORGET come when the kernel pleases, and nobody waits for them.
LATER = ("release", "releasedir", "forget")


def counts():
    prefix = "fuse.requests."
    return {name[len(prefix):]: n for name, n in port.stats().items()
            if name.startswith(prefix)}


def requests(fn, later=False):
    before = counts()
    fn()
    after = counts()
    return {name: n - before.get(name, 0) for name, n in after.items()
            if n != before.get(name, 0) and (later or name not in LATER)}


def at_most(got, **bounds):
    if is_least:
        bounds.pop("getattr", None)
        bounds.pop("getxattr", None)
    for name, n in got.items():
        # The kernel forgets when it likes; a test of its own counts that.
        if name in ("forget", "batch_forget"):
            continue
        if n > bounds.get(name, 0):
            raise AssertionError(f"{name}: {n}, in {got}, over {bounds}")


def write(path, data=b""):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    if data:
        os.write(fd, data)
    os.close(fd)


def read(path):
    fd = os.open(path, os.O_RDONLY)
    data = os.read(fd, 1 << 20)
    os.close(fd)
    return data


def drop_caches():
    try:
        with open("/proc/sys/vm/drop_caches", "w") as f:
            f.write("3\n")
    except OSError:
        raise Skip("cannot drop the kernel's caches")


def warm():
    """The kernel learns once that FLUSH and OPEN need not be sent."""
    write("warm", b"x")
    read("warm")
    os.unlink("warm")


@test("create and close: LOOKUP, CREATE")
def _(d):
    warm()
    got = requests(lambda: write("f"))
    at_most(got, lookup=1, create=1, getattr=1)
    equal(got.get("create"), 1)


@test("a hundred creates make a hundred times that")
def _(d):
    warm()

    def many():
        for i in range(100):
            write(f"f{i}")
    at_most(requests(many, later=True), lookup=100, create=100, getattr=100)


@test("create, write 4 KiB, close: LOOKUP, CREATE, WRITE")
def _(d):
    warm()
    got = requests(lambda: write("f", b"x" * 4096))
    at_most(got, lookup=1, create=1, write=1, getattr=1, getxattr=1)


@test("a second write to a file: WRITE alone")
def _(d):
    fd = os.open("f", os.O_WRONLY | os.O_CREAT)
    os.write(fd, b"first")

    def more():
        for i in range(50):
            os.write(fd, b"more")
    at_most(requests(more), write=50)
    os.close(fd)


@test("open, read and close of a cached file: nothing")
def _(d):
    warm()
    write("f", b"data" * 1000)
    read("f")
    at_most(requests(lambda: read("f"), later=True))


@test("stat, cold: LOOKUP")
def _(d):
    for i in range(10):
        write(f"f{i}")
    drop_caches()
    os.stat(".")
    at_most(requests(lambda: [os.stat(f"f{i}") for i in range(10)]),
            lookup=10)


@test("stat after ls -l, cold: nothing")
def _(d):
    for i in range(10):
        write(f"f{i}")
    drop_caches()
    for e in os.scandir("."):
        e.stat(follow_symlinks=False)
    at_most(requests(lambda: [os.stat(f"f{i}") for i in range(10)]))


@test("open, read and close, cold: LOOKUP and READ")
def _(d):
    warm()
    write("f", b"data" * 1000)
    drop_caches()
    os.stat(".")
    at_most(requests(lambda: read("f"), later=True), lookup=1, read=1)


@test("a create with 32 KiB in one write: LOOKUP, CREATE, WRITE")
def _(d):
    warm()
    got = requests(lambda: write("f", b"x" * 32768), later=True)
    at_most(got, lookup=1, create=1, write=1, getattr=1, getxattr=1)


@test("stat of a known name: nothing")
def _(d):
    write("f")
    os.stat("f")
    at_most(requests(lambda: [os.stat("f") for _ in range(100)]))


@test("stat of a name known to be missing: nothing")
def _(d):
    raises(errno.ENOENT, os.stat, "none")

    def again():
        for _ in range(100):
            raises(errno.ENOENT, os.stat, "none")
    at_most(requests(again))


@test("ls -l, cold: READDIRPLUS brings all attributes")
def _(d):
    for i in range(50):
        write(f"f{i}")
    drop_caches()
    os.stat(".")

    def ls():
        for e in os.scandir("."):
            e.stat(follow_symlinks=False)
    got = requests(ls)
    at_most(got, opendir=1, readdirplus=2, readdir=1, getattr=1)


@test("ls -l, warm: OPENDIR alone")
def _(d):
    for i in range(50):
        write(f"f{i}")

    def ls():
        for e in os.scandir("."):
            e.stat(follow_symlinks=False)
    ls()
    ls()
    at_most(requests(ls), opendir=1)


@test("reading 16 MiB in sequence, cold: a READ for each MiB")
def _(d):
    if os.geteuid() != 0:
        raise Skip("only root can raise the read-ahead")
    write("f", b"")
    with open("f", "wb") as f:
        f.write(os.urandom(16 << 20))
    drop_caches()
    os.stat("f")

    def sequence():
        fd = os.open("f", os.O_RDONLY)
        while os.read(fd, 1 << 16):
            pass
        os.close(fd)
    at_most(requests(sequence), read=24)


@test("writing 8 MiB in large pieces: a WRITE for each MiB")
def _(d):
    fd = os.open("f", os.O_WRONLY | os.O_CREAT)
    # Touched: the kernel cuts a write where a page of the buffer is missing.
    data = b"x" * (8 << 20)
    at_most(requests(lambda: os.write(fd, data)), write=9, getxattr=1,
            getattr=1)
    os.close(fd)


@test("rename, unlink, mkdir, rmdir, link, symlink: one each, and lookups")
def _(d):
    write("a")
    at_most(requests(lambda: os.rename("a", "b")),
            rename=1, lookup=2, getattr=1)
    at_most(requests(lambda: os.link("b", "c")), link=1, lookup=1, getattr=1)
    at_most(requests(lambda: os.unlink("b")), unlink=1, getattr=1, lookup=1)
    at_most(requests(lambda: os.mkdir("m")), mkdir=1, lookup=1, getattr=1)
    at_most(requests(lambda: os.rmdir("m")), rmdir=1, lookup=1, getattr=1)
    at_most(requests(lambda: os.symlink("x", "l")),
            symlink=1, lookup=1, getattr=1)
    os.readlink("l")
    at_most(requests(lambda: os.readlink("l")))


@test("fsync: FSYNC")
def _(d):
    fd = os.open("f", os.O_WRONLY | os.O_CREAT)
    os.write(fd, b"x")
    at_most(requests(lambda: os.fsync(fd)), fsync=1)
    os.close(fd)


@test("locks: nothing")
def _(d):
    import fcntl
    fd = os.open("f", os.O_RDWR | os.O_CREAT)

    def locks():
        for _ in range(20):
            fcntl.flock(fd, fcntl.LOCK_EX)
            fcntl.flock(fd, fcntl.LOCK_UN)
            fcntl.lockf(fd, fcntl.LOCK_EX)
            fcntl.lockf(fd, fcntl.LOCK_UN)
    at_most(requests(locks))
    os.close(fd)


@test("what the kernel forgets, the tree forgets")
def _(d):
    def resident():
        return port.stats().get("tree.inodes.resident")
    if resident() is None:
        raise Skip("the tree does not count its inodes")
    for i in range(500):
        write(f"f{i}")
    for e in os.scandir("."):
        e.stat()
    subprocess.run(["ls", "-lR", "."], stdout=subprocess.DEVNULL, check=True)
    many = resident()
    for i in range(500):
        os.unlink(f"f{i}")
    deadline = time.monotonic() + 20
    while resident() > many - 480:
        if time.monotonic() > deadline:
            raise AssertionError(f"{resident()} inodes are still held")
        time.sleep(0.05)


run(mnt)
