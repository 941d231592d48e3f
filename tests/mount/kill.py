#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Promises 1 and 2 against SIGKILL: kill.py STORE MOUNTPOINT SECONDS.

Each round starts the daemon, checks what the last round left, lets writers
work through the mount and the port, and kills the daemon in the middle, now and
then by SIGTERM: then it answers what is under way, and ends. What
had been acknowledged must be there; what was done one after the other must be
there as a prefix, across both faces; a batch must be there whole or not."""
import errno
import hashlib
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time

from port import Port
from tap import equal

store, mnt, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
seed = int(os.environ.get("TT_SEED", time.time_ns() % 1_000_000))
rnd = random.Random(seed)
root = mnt  # to writers a way into the mount that does not lead elsewhere
GONE = (errno.ENOTCONN, errno.ECONNABORTED, errno.EIO, errno.ENODEV,
        errno.EINTR)


class Daemon:
    def __init__(self):
        p = subprocess.run(
            ["ttrunksfs", store, mnt, "-o", "listen=127.0.0.1:0",
             "-o", f"memory={rnd.choice(('16M', '64M'))}"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=60)
        if p.returncode != 0:
            raise AssertionError(f"the daemon does not start: {p.stderr}")
        self.port = re.search(r"127\.0\.0\.1:(\d+)", p.stdout).group(1)
        self.pid = int(re.search(r"pid (\d+)", p.stdout).group(1))

    def end(self, signo):
        os.kill(self.pid, signo)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                os.kill(self.pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.005)
        raise AssertionError(f"the daemon {self.pid} does not end")


def contents(n):
    """What file n holds: of any size, telling its number."""
    h = hashlib.sha256(b"%d" % n).hexdigest()
    return f"{n} {h} " * (1 + int(h[:2], 16) ** 2 // 300)


def write(path, text):
    with open(path, "w") as f:
        f.write(text)


def read(path):
    with open(path) as f:
        return f.read()


class Sequence:
    """One writer, one step after the other, a random face each step."""

    def __init__(self, name):
        self.dir, self.acknowledged, self.next = name, -1, 0

    def prepare(self):
        os.makedirs(f"{root}/{self.dir}", exist_ok=True)

    def step(self, port, rng):
        n = self.next
        how = rng.randrange(4)
        path = f"{root}/{self.dir}/{n:07}"
        if how == 0:
            port.set(f"{self.dir}/{n:07}", contents(n))
        elif how == 1:
            write(path, contents(n))
        elif how == 2:
            write(f"{path}.tmp", contents(n))
            os.rename(f"{path}.tmp", path)
        else:
            port.must(operation="BATCH", ops=[
                {"operation": "SET", "key": f"{self.dir}/{n:07}",
                 "value": contents(n)},
                {"operation": "SET", "key": f"{self.dir}-twin",
                 "value": f"{n}"}])
        self.acknowledged = n
        self.next = n + 1

    def check(self):
        if self.acknowledged < 0 and not os.path.exists(f"{mnt}/{self.dir}"):
            return
        names = sorted(os.listdir(f"{mnt}/{self.dir}"))
        whole = [int(n) for n in names if not n.endswith(".tmp")]
        equal(whole, list(range(len(whole))))
        if len(whole) <= self.acknowledged:
            raise AssertionError(
                f"{self.dir}: {self.acknowledged} was acknowledged, "
                f"{len(whole) - 1} is the last")
        if len(whole) > self.next + 1:
            raise AssertionError(f"{self.dir}: {len(whole) - 1} was never "
                                 "written")
        # The step under way at the kill may be there in part, where it was
        # several system calls; the acknowledged ones are whole.
        for n in whole[-40:]:
            text = read(f"{mnt}/{self.dir}/{n:07}")
            if n <= self.acknowledged:
                equal(text, contents(n))
            elif not contents(n).startswith(text):
                raise AssertionError(f"{self.dir}/{n}: torn")
        for n in names:
            if n.endswith(".tmp"):
                os.unlink(f"{mnt}/{self.dir}/{n}")
        for n in whole:
            if n > self.acknowledged:
                write(f"{mnt}/{self.dir}/{n:07}", contents(n))
        self.next = len(whole)
        self.acknowledged = self.next - 1


class Counter:
    """A file replaced over and over by rename: never older than the last
    acknowledged state, never a mixture."""

    def __init__(self, name):
        self.name, self.acknowledged, self.begun = name, 0, 0

    def prepare(self):
        pass

    def step(self, port, rng):
        self.begun += 1
        if rng.random() < 0.5:
            write(f"{root}/.{self.name}", contents(self.begun))
            os.rename(f"{root}/.{self.name}", f"{root}/{self.name}")
        else:
            port.set(self.name, contents(self.begun))
        self.acknowledged = self.begun

    def check(self):
        if not self.acknowledged and not os.path.exists(f"{mnt}/{self.name}"):
            return
        text = read(f"{mnt}/{self.name}")
        n = int(text.split()[0])
        equal(text, contents(n))
        if not self.acknowledged <= n <= self.begun:
            raise AssertionError(f"{self.name}: {n}, not in "
                                 f"{self.acknowledged}..{self.begun}")
        self.acknowledged = self.begun = n


class Batch:
    """Ten keys that always agree, and disappear together."""

    def __init__(self, name):
        self.name, self.acknowledged, self.begun = name, 0, 0

    def prepare(self):
        pass

    def step(self, port, rng):
        self.begun += 1
        port.must(operation="BATCH", ops=[
            {"operation": "SET", "key": f"{self.name}/{i}",
             "value": f"{self.begun}"} for i in range(10)])
        self.acknowledged = self.begun

    def check(self):
        if not os.path.exists(f"{mnt}/{self.name}"):
            equal(self.acknowledged, 0)
            return
        found = {read(f"{mnt}/{self.name}/{i}") for i in range(10)}
        equal(len(found), 1)
        n = int(found.pop())
        if not self.acknowledged <= n <= self.begun:
            raise AssertionError(f"{self.name}: {n}, not in "
                                 f"{self.acknowledged}..{self.begun}")
        self.acknowledged = self.begun = n


class Links:
    """Renames and hard links keep the number of names."""

    def __init__(self, name):
        self.dir = name
        self.prepared = False

    def prepare(self):
        if self.prepared:
            return
        os.makedirs(f"{root}/{self.dir}/a", exist_ok=True)
        os.makedirs(f"{root}/{self.dir}/b", exist_ok=True)
        for i in range(20):
            write(f"{root}/{self.dir}/a/{i}", contents(i))
        self.prepared = True

    def step(self, port, rng):
        i = rng.randrange(20)
        a, b = f"{root}/{self.dir}/a/{i}", f"{root}/{self.dir}/b/{i}"
        if os.path.exists(b):
            a, b = b, a
        if rng.random() < 0.5:
            os.rename(a, b)
        else:
            os.link(a, b)
            os.unlink(a)

    def check(self):
        if not self.prepared:  # killed before anything was promised
            return
        names = {d: set(os.listdir(f"{mnt}/{self.dir}/{d}")) for d in "ab"}
        there = names["a"] | names["b"]
        equal(there, set(map(str, range(20))))
        for i in there:
            where = [d for d in "ab" if i in names[d]]
            paths = [f"{mnt}/{self.dir}/{d}/{i}" for d in where]
            equal(os.stat(paths[0]).st_nlink, len(paths))
            equal(read(paths[0]), contents(int(i)))
            if len(paths) == 2:
                equal(os.path.samefile(*paths), True)
                os.unlink(paths[1])


def work(writer, number, stop, problems, wseed):
    rng = random.Random(wseed)
    try:
        port = Port(number)
        writer.prepare()
        while not stop.is_set():
            writer.step(port, rng)
    except (ConnectionError, BrokenPipeError):
        pass
    except OSError as e:
        if e.errno not in GONE:
            problems.append(repr(e))
    except ValueError:
        pass  # half an answer
    except AssertionError as e:
        if "SHUTTING_DOWN" not in str(e):
            problems.append(repr(e))


def round_of(writers, daemon, life):
    global root
    fd = os.open(mnt, os.O_PATH | os.O_DIRECTORY)
    root = f"/proc/self/fd/{fd}"
    stop, problems = threading.Event(), []
    threads = [threading.Thread(target=work, args=(
        w, daemon.port, stop, problems, rnd.random())) for w in writers]
    for t in threads:
        t.start()
    time.sleep(life)
    daemon.end(rnd.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)))
    stop.set()
    for t in threads:
        t.join(30)
        if t.is_alive():
            raise AssertionError("a writer hangs on the dead mount")
    os.close(fd)
    equal(problems, [])


def main():
    writers = [Sequence("seq0"), Sequence("seq1"), Counter("counter"),
               Batch("batch"), Links("links")]
    deadline = time.monotonic() + seconds
    rounds = 0
    print(f"# seed {seed}")
    while rounds < 3 or time.monotonic() < deadline:
        daemon = Daemon()
        try:
            for w in writers:
                w.check()
        except BaseException:
            daemon.end(signal.SIGKILL)
            raise
        round_of(writers, daemon, rnd.uniform(0.05, 1.0))
        rounds += 1
    daemon = Daemon()
    for w in writers:
        w.check()
    daemon.end(signal.SIGTERM)
    done = sum(getattr(w, "acknowledged", 0) for w in writers)
    print(f"# {rounds} kills, {done} steps acknowledged")


main()
