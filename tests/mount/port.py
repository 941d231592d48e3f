#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A client of the port for tests: Port(n).ask(operation="GET", key="a").

As a program: port.py PORT JSON sends one line and prints the answer."""
import json
import socket
import sys


class Port:
    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", int(port)))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile("rb")

    def send(self, request):
        self.sock.sendall(json.dumps(request).encode() + b"\n")

    def receive(self):
        line = self.file.readline()
        if not line.endswith(b"\n"):
            raise ConnectionError("the port closed the connection")
        return json.loads(line)

    def ask(self, **request):
        self.send(request)
        return self.receive()

    def must(self, **request):
        answer = self.ask(**request)
        if not answer["success"]:
            raise AssertionError(f"{str(request):.300}: {str(answer):.300}")
        return answer

    def set(self, key, value, **more):
        return self.must(operation="SET", key=key, value=value, **more)

    def get(self, key):
        """The value as text, None when there is no such key."""
        answer = self.ask(operation="GET", key=key)
        if answer["success"]:
            return answer["data"]
        if answer["code"] == "NOT_FOUND":
            return None
        raise AssertionError(f"GET {key}: {answer}")

    def stats(self):
        """Every counter by its name."""
        answer = self.must(operation="STATS")
        found = {}

        def walk(value, name):
            if isinstance(value, dict):
                for key, inner in value.items():
                    walk(inner, f"{name}.{key}" if name else key)
            elif isinstance(value, int) and not isinstance(value, bool):
                found[name] = value

        for field in ("stats", "data"):
            value = answer.get(field)
            if isinstance(value, str):
                value = json.loads(value)
            walk(value, "")
        return found


if __name__ == "__main__":
    port = Port(sys.argv[1])
    port.sock.sendall(sys.argv[2].encode() + b"\n")
    print(json.dumps(port.receive()))
