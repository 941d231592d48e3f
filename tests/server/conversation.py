# SPDX-License-Identifier: MIT
"""Plays conversation files against a fresh server each.

    # comment
    > request            sent as it is, with a newline
    < expected answer    must match the whole line
    @reconnect           goes on over a new connection

In an answer {{*}} stands for any text, and {{name}} for one JSON string or
number, remembered the first time and the same ever after; in a request
{{name}} is replaced by what was remembered.
"""

import os
import re
import sys

from port_lib import Daemon, Tap

MARK = re.compile(r"\{\{([a-z0-9]+|\*)\}\}")
TOKEN = r'("(?:[^"\\]|\\.)*"|[-+0-9.eE]+)'


def expectation(text, known):
    """The pattern of an expected answer, and the names it binds."""
    pattern, names, at = "", [], 0
    for mark in MARK.finditer(text):
        pattern += re.escape(text[at:mark.start()])
        name = mark.group(1)
        if name == "*":
            pattern += ".*"
        elif name in known:
            pattern += re.escape(known[name])
        elif name in names:
            pattern += f"\\{names.index(name) + 1}"
        else:
            names.append(name)
            pattern += TOKEN
        at = mark.end()
    return pattern + re.escape(text[at:]), names


def play(path):
    known = {}
    with Daemon() as daemon, open(path, encoding="utf-8") as file:
        connection = daemon.connect()
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            if line.startswith("@reconnect"):
                connection.close()
                connection = daemon.connect()
            elif line.startswith(">"):
                text = MARK.sub(lambda m: known[m.group(1)], line[2:])
                connection.send(text.encode() + b"\n")
            elif line.startswith("<"):
                pattern, names = expectation(line[2:], known)
                got = connection.line().decode().rstrip("\n")
                found = re.fullmatch(pattern, got)
                if not found:
                    raise AssertionError(
                        f"{path}:{number}\nexpected {line[2:]}\n"
                        f"got      {got}")
                known.update(zip(names, found.groups()))
        connection.close()


def main():
    tap = Tap()
    folder = sys.argv[1]
    for name in sorted(os.listdir(folder)):
        if name.endswith(".txt"):
            tap.run(name[:-4].replace("_", " "),
                    lambda: play(os.path.join(folder, name)))
    tap.done()


main()
