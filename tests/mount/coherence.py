#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Both faces on the same data: coherence.py MOUNTPOINT PORT [SECONDS].

Every check reads what the kernel has cached first, changes it through the
port, and looks again at once."""
import ctypes
import errno
import fcntl
import mmap
import os
import platform
import random
import struct
import sys
import threading
import time

from port import Port
from tap import Skip, equal, raises, run, test

mnt, number = sys.argv[1], sys.argv[2]
seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 3
port = Port(number)


def key(directory, name=""):
    path = os.path.relpath(directory, mnt)
    return f"{path}/{name}" if name else path


def read(path):
    with open(path, "rb") as f:
        return f.read()


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


@test("a key set on the port is a file, also where its absence was known")
def _(d):
    for i in range(200):
        name = f"k{i}"
        raises(errno.ENOENT, os.stat, name)
        raises(errno.ENOENT, os.stat, name)
        port.set(key(d, name), f"value {i}")
        equal(read(name), b"value %d" % i)
        equal(os.stat(name).st_size, len(b"value %d" % i))


@test("a key set again is a new file, its old readers keep the old one")
def _(d):
    write("f", b"old contents")
    os.chmod("f", 0o640)
    os.setxattr("f", "user.kept", b"yes")
    fd = os.open("f", os.O_RDONLY)
    m = mmap.mmap(fd, 0, prot=mmap.PROT_READ)
    before = os.fstat(fd)
    for i in range(100):
        port.set(key(d, "f"), "new %d" % i * (i + 1))
        equal(os.stat("f").st_size, len("new %d" % i * (i + 1)))
        equal(read("f"), b"new %d" % i * (i + 1))
    equal(os.pread(fd, 100, 0), b"old contents")
    equal(m[:], b"old contents")
    equal(os.fstat(fd).st_nlink, 0)
    equal(os.fstat(fd).st_size, before.st_size)
    equal(os.stat("f").st_mode & 0o777, 0o640)
    equal(os.getxattr("f", "user.kept"), b"yes")
    equal(os.stat("f").st_ino != before.st_ino, True)
    m.close()
    os.close(fd)


@test("a key deleted is gone, and its open file is not")
def _(d):
    for i in range(50):
        write("f", b"contents")
        fd = os.open("f", os.O_RDONLY)
        port.must(operation="DELETE", key=key(d, "f"))
        raises(errno.ENOENT, os.stat, "f")
        equal(os.pread(fd, 20, 0), b"contents")
        equal(os.fstat(fd).st_nlink, 0)
        os.close(fd)


@test("listings and times of directories follow the port")
def _(d):
    equal(os.listdir("."), [])
    names = set()
    for i in range(100):
        before = os.stat(".").st_mtime_ns
        port.set(key(d, f"n{i}"), "x")
        names.add(f"n{i}")
        equal(set(os.listdir(".")), names)
        equal(os.stat(".").st_mtime_ns > before, True)
        if i % 3 == 2:
            port.must(operation="DELETE", key=key(d, f"n{i - 1}"))
            names.remove(f"n{i - 1}")
            equal(set(os.listdir(".")), names)


@test("parents that the port makes appear, trees that it deletes vanish")
def _(d):
    for i in range(20):
        raises(errno.ENOENT, os.stat, "a/b")
        port.set(key(d, "a/b/c"), "deep")
        equal(read("a/b/c"), b"deep")
        equal(os.stat(".").st_nlink, 3)
        port.must(operation="DELETE", key=key(d, "a"), recursive=True)
        raises(errno.ENOENT, os.stat, "a/b/c")
        raises(errno.ENOENT, os.stat, "a")
        equal(os.listdir("."), [])
        equal(os.stat(".").st_nlink, 2)


@test("hard links of a replaced file know how many are left")
def _(d):
    write("a", b"shared")
    os.link("a", "b")
    equal(os.stat("b").st_nlink, 2)
    port.set(key(d, "a"), "alone")
    equal(os.stat("b").st_nlink, 1)
    equal(read("b"), b"shared")
    equal(read("a"), b"alone")


@test("what is written on the mount is the key's value when close returns")
def _(d):
    for i in range(100):
        write("f", b"m%d" % i * i)
        equal(port.get(key(d, "f")), "m%d" % i * i)
        os.rename("f", "g")
        equal(port.get(key(d, "f")), None)
        equal(port.get(key(d, "g")), "m%d" % i * i)
        os.unlink("g")
        equal(port.get(key(d, "g")), None)


@test("more changes than the notifier can queue are seen all the same")
def _(d):
    names = [f"{'long-' * 40}{i:05}" for i in range(4000)]
    os.mkdir("many")
    for n in names:
        raises(errno.ENOENT, os.stat, f"many/{n}")
    for half in (names[::2], names[1::2]):
        port.must(operation="BATCH", ops=[
            {"operation": "SET", "key": key(d, f"many/{n}"), "value": n}
            for n in half])
    show_notices()
    for n in names:
        equal(os.stat(f"many/{n}").st_size, len(n))
    equal(len(os.listdir("many")), len(names))


class HeldMemory:
    """Memory that whoever writes to it waits for, the kernel too, until it is
    let go: userfaultfd(2)."""
    SIZE = 1 << 16
    SYSCALLS = {"x86_64": (323, 217), "aarch64": (282, 61)}

    def __init__(self):
        if platform.machine() not in self.SYSCALLS:
            raise Skip("another kind of processor")
        self.libc = ctypes.CDLL(None, use_errno=True)
        nr, self.getdents = self.SYSCALLS[platform.machine()]
        self.fd = self.libc.syscall(nr, os.O_CLOEXEC)
        if self.fd < 0:
            raise Skip(f"userfaultfd: {os.strerror(ctypes.get_errno())}")
        self.memory = mmap.mmap(-1, self.SIZE)
        self.buffer = (ctypes.c_char * self.SIZE).from_buffer(self.memory)
        self.address = ctypes.addressof(self.buffer)
        fcntl.ioctl(self.fd, 0xC018AA3F, struct.pack("QQQ", 0xAA, 0, 0))
        fcntl.ioctl(self.fd, 0xC020AA00,
                    struct.pack("QQQQ", self.address, self.SIZE, 1, 0))

    def list(self, directory):
        return self.libc.syscall(self.getdents, directory,
                                 ctypes.c_void_p(self.address), self.SIZE)

    def wait_for_writer(self):
        os.read(self.fd, 32)

    def let_go(self):
        os.close(self.fd)


@test("a listing that is late in the kernel leaves nothing stale there")
def _(d):
    for i in range(10):
        write(f"f{i}", b"x")
    held = HeldMemory()
    fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    got = []
    lister = threading.Thread(target=lambda: got.append(held.list(fd)))
    lister.start()
    held.wait_for_writer()  # the answer is there, no name of it taken in
    port.must(operation="DELETE", key=key(d, "f3"))
    raises(errno.ENOENT, os.stat, "f3")
    held.let_go()
    lister.join()
    equal(got[0] > 0, True)
    os.close(fd)
    end = time.monotonic() + 5
    while os.path.exists("f3"):
        if time.monotonic() > end:
            raise AssertionError("f3 is back for good")
    equal(sorted(os.listdir(".")), [f"f{i}" for i in range(10) if i != 3])


@test("a listing where names have changed lately tells the kernel no inodes")
def _(d):
    def inodes():
        return port.stats()["tree.inodes.resident"]
    raises(errno.ENOENT, os.stat, "f1")  # the kernel knows of names here
    port.must(operation="BATCH", ops=[
        {"operation": "SET", "key": key(d, f"f{i}"), "value": "x"}
        for i in range(100)])
    before = inodes()
    equal(len(os.listdir(".")), 100)
    # an answer to LOOKUP that is older than the change could make them last
    equal(inodes() - before < 50, True)
    for i in range(100):
        equal(os.stat(f"f{i}").st_size, 1)


def show_notices():
    told = {n: v for n, v in port.stats().items() if "fuse.notices" in n}
    print(f"# {told}")


def hammer(workers):
    """Runs each worker until the time is over; the first failure counts."""
    stop, failures = threading.Event(), []

    def guarded(fn):
        try:
            while not stop.is_set():
                fn()
        except BaseException as e:
            failures.append(repr(e))
            stop.set()
    threads = [threading.Thread(target=guarded, args=(w,)) for w in workers]
    for t in threads:
        t.start()
    stop.wait(seconds)
    stop.set()
    for t in threads:
        t.join(60)
        if t.is_alive():
            failures.append("a worker is stuck")
    show_notices()
    equal(failures[:3], [])


class Cell:
    """A name whose value is a number, written by one, read by many. What has
    been acknowledged before a read began must be seen by it, whole."""

    def __init__(self, name):
        self.name, self.acknowledged, self.begun = name, 0, 0

    @staticmethod
    def text(n):
        return f"{n:08}" * (1 + n * 37 % 2000)

    def check(self, low, text):
        n = int(text[:8])
        if text != self.text(n):
            raise AssertionError(f"{self.name}: torn value of {n}")
        if n < low:
            raise AssertionError(f"{self.name}: stale, {n} after {low}")
        if n > self.begun:
            raise AssertionError(f"{self.name}: {n} from the future")


@test("under load no read on either face is stale or torn")
def _(d):
    seed = int(os.environ.get("TT_SEED", time.time_ns() % 1_000_000))
    print(f"# seed {seed}")
    by_port = [Cell(f"p{i}") for i in range(4)]
    by_mount = [Cell(f"m{i}") for i in range(4)]
    local = threading.local()

    def my_port():
        if not hasattr(local, "port"):
            local.port = Port(number)
            local.rnd = random.Random(seed + threading.get_ident())
        return local.port

    def set_some(cell):
        def fn():
            p = my_port()
            cell.begun += 1
            p.set(key(d, cell.name), Cell.text(cell.begun))
            cell.acknowledged = cell.begun
        return fn

    def save_some(cell):
        def fn():
            cell.begun += 1
            write(f".{cell.name}", Cell.text(cell.begun).encode())
            os.rename(f".{cell.name}", cell.name)
            cell.acknowledged = cell.begun
        return fn

    def read_mount():
        my_port()
        cell = local.rnd.choice(by_port)
        low = cell.acknowledged
        if low:
            cell.check(low, read(cell.name).decode())

    def read_port():
        p = my_port()
        cell = local.rnd.choice(by_mount)
        low = cell.acknowledged
        if low:
            cell.check(low, p.get(key(d, cell.name)))

    def come_and_go():
        my_port()
        name = f"t{local.rnd.randrange(5)}"
        thread = threading.get_ident()
        port_name = f"{thread}-{name}"
        local.port.set(key(d, port_name), "here")
        if not os.path.exists(port_name):
            raise AssertionError(f"{port_name} is not there")
        if port_name not in os.listdir("."):
            raise AssertionError(f"{port_name} is not listed")
        local.port.must(operation="DELETE", key=key(d, port_name))
        if os.path.exists(port_name):
            raise AssertionError(f"{port_name} is still there")
        if port_name in os.listdir("."):
            raise AssertionError(f"{port_name} is still listed")
    hammer([set_some(c) for c in by_port] + [save_some(c) for c in by_mount] +
           [read_mount] * 3 + [read_port] * 2 + [come_and_go] * 2)
    total = sum(c.acknowledged for c in by_port + by_mount)
    print(f"# {total} changes")


run(mnt)
