# SPDX-License-Identifier: MIT
"""Starting ttrunksd, talking to it, and telling results as TAP."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback

TIMEOUT = 60


class Daemon:
    """A ttrunksd on a free port, with a store of its own unless given one."""

    def __init__(self, *options, store=None):
        self.dir = None
        if store is None:
            self.dir = tempfile.mkdtemp(prefix="ttrunks-port-")
            store = os.path.join(self.dir, "store")
        self.store = store
        self.process = subprocess.Popen(
            ["ttrunksd", "--listen=127.0.0.1:0", "--memory=16M", *options,
             store],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        line = self.process.stdout.readline().decode()
        found = re.search(r"ready on 127\.0\.0\.1:(\d+)", line)
        if not found:
            self.process.wait()
            raise RuntimeError("ttrunksd did not start: " + line)
        self.port = int(found.group(1))
        self.pid = self.process.pid

    def connect(self):
        return Connection(self.port)

    def stop(self, number=signal.SIGTERM):
        """Ends it; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(TIMEOUT)
        self.process.stdout.close()
        return status

    def rss_kib(self):
        with open(f"/proc/{self.pid}/status") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()
        if self.dir:
            shutil.rmtree(self.dir, ignore_errors=True)


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        return self.file.readline()

    def answer(self):
        return json.loads(self.line())

    def ask(self, operation, **fields):
        self.send(request(operation, **fields))
        return self.answer()

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def request(operation, **fields):
    return json.dumps({"operation": operation, **fields}).encode() + b"\n"


class Tap:
    def __init__(self):
        self.count = 0

    def run(self, name, function):
        self.count += 1
        try:
            function()
        except Exception:  # whatever it is, the test has failed
            print(f"not ok {self.count} - {name}")
            for text in traceback.format_exc().splitlines():
                print("# " + text)
        else:
            print(f"ok {self.count} - {name}")
        sys.stdout.flush()

    def done(self):
        print(f"1..{self.count}")
