#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Both faces under load: hammer.py MOUNTPOINT PORT SECONDS.

A cell is a name whose states are numbered: some say that it is absent, the
others what it holds and how long that is. One process changes a cell, through
either face, and notes each state when it begins and when it was acknowledged;
others look, through either face and in every way there is. Who looks must find
a state that lies between the newest that anybody knew of before and the newest
begun after. That holds for each look on its own, so a single stale answer, of
the kernel or of ours, is a failure; so is one that mixes two states.

A file that is open, or mapped, keeps the state that it was opened in.

First, directories where the port has changed nothing for long, each changed
once while others list it: their listings are ones that the kernel trusts."""
import ctypes
import errno
import mmap
import multiprocessing
import os
import random
import sys
import time
import traceback

from port import Port

mnt, number, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
seed = int(os.environ.get("TT_SEED", time.time_ns() % 1_000_000))
WRITERS, READERS, CELLS = 4, 4, 5  # cells of each writer
PORT_WAYS = ("GET", "STAT", "SCAN")
PATIENCE = 60  # seconds without a step: a deadlock


def is_absent(n):
    return n == 0 or n * 0x9E3779B1 % (1 << 32) < 0.3 * (1 << 32)


def length(n):
    return 9 * (2 + n * 7919 % 401 * (1 + n % 7))


def text(n):
    return b"%08d " % n * (length(n) // 9)


class Cell:
    """In memory that all processes share; aligned words, one writer each but
    for those of what was seen, whose races only make them smaller than they
    could be. What the mount has shown the port shows too. What the port has
    shown is known to the mount only when the change is answered: a look at the
    port in between says nothing to looks at the mount."""

    def __init__(self, index, deep):
        self.name = f"h/d{index}/x" if deep else f"h/c{index}"
        self.is_deep = deep
        self.words = multiprocessing.Array(ctypes.c_uint64, 4, lock=False)

    @property
    def base(self):
        return os.path.basename(self.name)

    @property
    def low(self):
        """The oldest state that a look at the mount may find from now on."""
        return max(self.words[1], self.words[2])

    @property
    def port_low(self):
        return max(self.low, self.words[3])

    def saw(self, how, n):
        word = 3 if how in PORT_WAYS else 2
        if n > self.words[word]:
            self.words[word] = n

    @property
    def begun(self):
        return self.words[0]

    def begin(self):
        self.words[0] += 1
        return self.words[0]

    def done(self):
        self.words[1] = self.words[0]

    def fail(self, how, low, what):
        raise AssertionError(f"{self.name} by {how}: {what}, between states "
                             f"{low} and {self.begun}; words "
                             f"{self.words[:]}")

    def check(self, how, low, data):
        """data: bytes, or None where it was not there."""
        if data is None:
            self.check_presence(how, low, False)
            return
        n = int(data[:8]) if data[:8].isdigit() else -1
        if n < 0 or data != text(n):
            self.fail(how, low, f"torn: {len(data)} bytes, {data[:20]}")
        if not low <= n <= self.begun or is_absent(n):
            self.fail(how, low, f"state {n}")
        self.saw(how, n)

    def check_presence(self, how, low, is_there):
        if all(is_absent(n) is is_there for n in range(low, self.begun + 1)):
            self.fail(how, low, "there" if is_there else "absent")

    def check_size(self, how, low, size):
        if not any(not is_absent(n) and length(n) == size
                   for n in range(low, self.begun + 1)):
            self.fail(how, low, f"{size} bytes")


class Process:
    def __init__(self, index, cells, stop):
        self.rnd = random.Random(seed * 1000 + index)
        self.cells, self.stop = cells, stop
        self.steps = multiprocessing.Value(ctypes.c_uint64, lock=False)

    def start(self, failures):
        def guarded():
            try:
                self.port = Port(number)
                self.port.sock.settimeout(PATIENCE)
                while not self.stop.is_set():
                    self.step()
                    self.steps.value += 1
            except BaseException:
                failures.put(traceback.format_exc())
                self.stop.set()
        self.process = multiprocessing.Process(target=guarded, daemon=True)
        self.process.start()


def save(path, data, temporary):
    with open(temporary, "wb", buffering=0) as f:
        f.write(data)
    try:
        os.rename(temporary, path)
    except FileNotFoundError:
        os.mkdir(os.path.dirname(path))
        os.rename(temporary, path)


class Writer(Process):
    def step(self):
        cell = self.rnd.choice(self.cells)
        if self.rnd.random() < 0.1:
            return self.batch()
        n = cell.begin()
        by_port = self.rnd.random() < 0.5
        if is_absent(n):
            (self.delete if by_port else self.unlink)(cell)
        elif by_port:
            self.port.set(cell.name, text(n).decode())
        else:
            save(f"{mnt}/{cell.name}", text(n), f"{mnt}/h/.{os.getpid()}")
        cell.done()

    def delete(self, cell):
        key = os.path.dirname(cell.name) if cell.is_deep else cell.name
        answer = self.port.ask(operation="DELETE", key=key,
                               recursive=cell.is_deep)
        if not answer["success"] and answer["code"] != "NOT_FOUND":
            raise AssertionError(answer)

    def unlink(self, cell):
        try:
            os.unlink(f"{mnt}/{cell.name}")
            if cell.is_deep:
                os.rmdir(os.path.dirname(f"{mnt}/{cell.name}"))
        except FileNotFoundError:
            pass

    def batch(self):
        cells = [c for c in self.rnd.sample(self.cells, 3)
                 if not is_absent(c.begun + 1)]
        if not cells:
            return
        self.port.must(operation="BATCH", ops=[
            {"operation": "SET", "key": c.name,
             "value": text(c.begin()).decode()} for c in cells])
        for c in cells:
            c.done()


def attempt(fn, *args):
    """None where the file is not there."""
    try:
        return fn(*args)
    except OSError as e:
        if e.errno in (errno.ENOENT, errno.ENOTDIR):
            return None
        raise


def read(path):
    with open(path, "rb", buffering=0) as f:
        data = f.read()
        assert f.read() == b""
        return data


def read_mapped(path):
    with open(path, "rb", buffering=0) as f:
        with mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as m:
            return m[:]


def names_in(path):
    return attempt(os.listdir, path) or []


class Reader(Process):
    held = None  # (descriptor, map, contents)

    def step(self):
        way = self.rnd.choice([
            self.by_read, self.by_read, self.by_map, self.by_stat,
            self.by_access, self.by_list, self.by_scan, self.by_get,
            self.by_get, self.by_port_stat, self.by_port_scan, self.by_held])
        way()

    def some(self):
        cell = self.rnd.choice(self.cells)
        return cell, cell.low, f"{mnt}/{cell.name}"

    def some_of_port(self):
        cell = self.rnd.choice(self.cells)
        return cell, cell.port_low

    def by_read(self):
        cell, low, path = self.some()
        cell.check("read", low, attempt(read, path))

    def by_map(self):
        cell, low, path = self.some()
        cell.check("map", low, attempt(read_mapped, path))

    def by_stat(self):
        cell, low, path = self.some()
        st = attempt(os.stat, path)
        if st:
            cell.check_size("stat", low, st.st_size)
        else:
            cell.check_presence("stat", low, False)

    def by_access(self):
        cell, low, path = self.some()
        cell.check_presence("access", low, os.path.exists(path))

    def by_list(self):
        lows = [(c, c.low) for c in self.cells if not c.is_deep]
        names = set(os.listdir(f"{mnt}/h"))
        for cell, low in lows:
            cell.check_presence("listing", low, cell.base in names)
        cell, low, path = self.some()
        directory, name = os.path.split(path)
        cell.check_presence("listing", low, name in names_in(directory))

    def by_scan(self):
        """As `ls -l` does, which makes the kernel ask for attributes too."""
        lows = [(c, c.low) for c in self.cells if not c.is_deep]
        with os.scandir(f"{mnt}/h") as entries:
            sizes = {e.name: attempt(e.stat) for e in entries}
        for cell, low in lows:
            if sizes.get(cell.base):
                cell.check_size("ls -l", low, sizes[cell.base].st_size)
            else:
                # the name may have gone between the two calls
                cell.check_presence("ls -l", low, False)

    def by_get(self):
        cell, low = self.some_of_port()
        data = self.port.get(cell.name)
        cell.check("GET", low, data and data.encode())

    def by_port_stat(self):
        cell, low = self.some_of_port()
        answer = self.port.ask(operation="STAT", key=cell.name)
        if answer["success"]:
            cell.check_size("STAT", low, answer["size"])
        else:
            cell.check_presence("STAT", low, False)

    def by_port_scan(self):
        lows = [(c, c.port_low) for c in self.cells if not c.is_deep]
        answer = self.port.must(operation="SCAN", prefix="h/c", limit=1000)
        found = {i["key"]: i["value"].encode() for i in answer["items"]}
        for cell, low in lows:
            cell.check("SCAN", low, found.get(cell.name))

    def by_held(self):
        if not self.held:
            self.hold()
            return
        fd, m, data = self.held
        if os.pread(fd, len(data) + 1, 0) != data or m[:] != data:
            raise AssertionError("an open file has changed")
        if os.fstat(fd).st_size != len(data):
            raise AssertionError("an open file has another size")
        if self.rnd.random() < 0.3:
            m.close()
            os.close(fd)
            self.held = None

    def hold(self):
        cell, low, path = self.some()
        fd = attempt(os.open, path, os.O_RDONLY)
        if fd is None:
            return
        m = mmap.mmap(fd, 0, prot=mmap.PROT_READ)
        data = os.pread(fd, 1 << 20, 0)
        cell.check("open", low, data)
        self.held = fd, m, data


def watch(processes, stop):
    """Until the time is over; names a process that does not move."""
    end = time.monotonic() + seconds
    moved = {p: (0, time.monotonic()) for p in processes}
    while time.monotonic() < end and not stop.wait(0.5):
        for p, (steps, since) in moved.items():
            if p.steps.value != steps:
                moved[p] = p.steps.value, time.monotonic()
            elif time.monotonic() - since > PATIENCE:
                stop.set()
                return f"a {type(p).__name__} is stuck"
    stop.set()
    for p in processes:
        p.process.join(PATIENCE)
        if p.process.is_alive():
            return f"a {type(p).__name__} does not end"
    return None


class Crowd(Process):
    """More files than the daemon keeps in memory, used over and over: the
    kernel is asked to forget them, and the cells, all the time."""
    n, total = 0, 12000

    def step(self):
        for _ in range(200):
            self.use(self.n % self.total)
            self.n += 1

    def use(self, n):
        path = f"{mnt}/crowd/{n:06}"
        if n % 200 == 0 and self.n < self.total:
            self.port.must(operation="BATCH", ops=[
                {"operation": "SET", "key": f"crowd/{i:06}", "value": f"{i}"}
                for i in range(n, n + 200)])
        if os.stat(path).st_size != len(f"{n}"):
            raise AssertionError(f"{path} has another size")
        if n % 100 == 0 and read(path) != b"%d" % n:
            raise AssertionError(f"{path} has other contents")


class Lister(Process):
    """`ls -l`, again and again, of the directory that is being changed."""

    def __init__(self, index, current, stop):
        super().__init__(index, [], stop)
        self.current = current

    def step(self):
        with os.scandir(f"{mnt}/q{self.current.value}") as entries:
            for e in entries:
                attempt(e.stat)
                if self.rnd.random() < 0.1:
                    time.sleep(0)


def quiet(failures):
    """Names appear, go and are replaced under listers. Returns how long the
    changes took."""
    stop, took = multiprocessing.Event(), []
    current = multiprocessing.Value(ctypes.c_uint64, lock=False)
    n = max(20, int(seconds * 5))
    for i in range(n):
        os.mkdir(f"{mnt}/q{i}")
        for j in range(40):
            save(f"{mnt}/q{i}/{j}", b"old", f"{mnt}/q{i}/{j}")
    listers = [Lister(100 + i, current, stop) for i in range(3)]
    for p in listers:
        p.start(failures)
    port = Port(number)
    for i in range(n):
        current.value = i
        time.sleep(0.01)  # for the listers to be there
        gone, new, other = (f"q{i}/{j}" for j in ("3", "new", "7"))
        before = time.monotonic()
        port.must(operation="BATCH", ops=[
            {"operation": "DELETE", "key": gone},
            {"operation": "SET", "key": new, "value": "x"},
            {"operation": "SET", "key": other, "value": "other"}])
        took.append(time.monotonic() - before)
        for _ in range(30):
            found = (os.path.exists(f"{mnt}/{gone}"),
                     os.path.exists(f"{mnt}/{new}"),
                     attempt(read, f"{mnt}/{other}"))
            if found != (False, True, b"other"):
                failures.put(f"q{i}: {found}")
                break
    stop.set()
    for p in listers:
        p.process.join(PATIENCE)
    return sorted(took)


def main():
    print(f"seed {seed} (repeat with TT_SEED={seed})")
    stop, failures = multiprocessing.Event(), multiprocessing.SimpleQueue()
    took = quiet(failures)
    os.mkdir(f"{mnt}/h")
    os.mkdir(f"{mnt}/crowd")
    print(f"{len(took)} changes under listings, {took[len(took) // 2] * 1e3:.1f}"
          f" ms each, {took[-1] * 1e3:.1f} at most")
    cells = [Cell(i, i % CELLS == 0) for i in range(WRITERS * CELLS)]
    processes = [Writer(i, cells[i * CELLS:(i + 1) * CELLS], stop)
                 for i in range(WRITERS)]
    processes += [Reader(WRITERS + i, cells, stop) for i in range(READERS)]
    processes.append(Crowd(WRITERS + READERS, [], stop))
    for p in processes:
        p.start(failures)
    stuck = watch(processes, stop)
    changes = sum(c.begun for c in cells)
    looks = sum(p.steps.value for p in processes if isinstance(p, Reader))
    print(f"{changes} changes, {looks} looks")
    told = Port(number).stats()
    print({n: v for n, v in told.items() if "fuse.notices" in n})
    while not failures.empty():
        stuck = failures.get()
    if stuck:
        sys.exit(stuck)


main()
