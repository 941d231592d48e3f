#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks a directory of backups, knowing nothing of the C code.

read_backup.py DIR
    Reads every list as data/README.md describes it, and compares every file
    that one names with its length and checksum; tables also with the header
    checksum in their names, value files with their numbers. Exit status 1 and a message for what is not sound.
"""

import os
import re
import struct
import sys

from xxh3 import xxh3

NUMBER = r"(0|[1-9][0-9]*)"
SUM = r"([0-9a-f]{16})"
END = re.compile(r"end " + SUM)
HEAD = re.compile(r"backup " + NUMBER + " " + NUMBER)
FILE = re.compile(r"(manifest|table|values|log|options) " + NUMBER + " " + NUMBER + " " +
                  SUM + "(?: " + SUM + ")?")


class Unsound(Exception):
    """The file is not what the specification says."""


def need(holds, what):
    if not holds:
        raise Unsound(what)


def read(path):
    need(os.path.exists(path), "%s: missing" % path)
    with open(path, "rb") as f:
        return f.read()


def read_list(path):
    """The number in a list, and the words of its files' lines."""
    data = read(path)
    need(data.endswith(b"\n"), "%s: cut off" % path)
    lines = data.decode("ascii").split("\n")[:-1]
    end = END.fullmatch(lines[-1])
    need(end, "%s: no end" % path)
    body = data[:-len(lines[-1]) - 1]
    need(int(end[1], 16) == xxh3(body), "%s: checksum" % path)
    need(lines[0] == "ttrunks-backup 1", "%s: version" % path)
    head = HEAD.fullmatch(lines[1])
    need(head and int(head[1]) > 0, "%s: second line" % path)
    files = []
    for line in lines[2:-1]:
        m = FILE.fullmatch(line)
        need(m and int(m[2]) > 0, "%s: line %s" % (path, line))
        need((m[1] in ("table", "values")) == (m[5] is not None),
             "%s: line %s" % (path, line))
        files.append(m.groups())
    need(sum(f[0] == "manifest" for f in files) == 1, "%s: manifests" % path)
    return int(head[1]), files


def header_sum(data):
    """The last eight bytes of a table's index box."""
    n = struct.unpack_from("<i", data, 0)[0]
    m = struct.unpack_from("<i", data, 4 + n)[0]
    return struct.unpack_from("<Q", data, 8 + n + m - 8)[0]


def check_file(directory, backup, entry, seen):
    kind, no, size, total, header = entry
    no = int(no)
    if kind == "table":
        path = "%s/sst/%06d-%s-%s.sst" % (directory, no, header, total)
    elif kind == "values":
        path = "%s/val/%06d-%s-%s.val" % (directory, no, header, total)
    elif kind == "log":
        path = "%s/%06d/%06d.wal" % (directory, backup, no)
    elif kind == "options":
        path = "%s/%06d/OPTIONS" % (directory, backup)
    else:
        path = "%s/%06d/MANIFEST-%06d" % (directory, backup, no)
    if path in seen:
        return
    data = read(path)
    need(len(data) == int(size), "%s: length" % path)
    need(xxh3(data) == int(total, 16), "%s: checksum" % path)
    if kind == "values":
        need(data[:4] == b"TTVL" and struct.unpack_from("<Q", data, 16)[0] == no,
             "%s: not value file %d" % (path, no))
    if kind == "table":
        need(header_sum(data) == int(header, 16), "%s: header" % path)
    seen.add(path)


def check(directory):
    need(read(directory + "/BACKUPS") == b"ttrunks-backups 1\n", "BACKUPS")
    seen = set()
    for name in sorted(os.listdir(directory)):
        if not re.fullmatch(r"[0-9]{6,}", name):
            continue
        no, files = read_list("%s/%s/LIST" % (directory, name))
        need(name == "%06d" % no, "%s: list of backup %d" % (name, no))
        for entry in files:
            check_file(directory, no, entry, seen)
        print("backup %d: %d files" % (no, len(files)))
    shared = {"%s/%s/%s" % (directory, sub, name) for sub in ("sst", "val")
              for name in os.listdir("%s/%s" % (directory, sub))}
    need(shared <= seen, "files that no list names: %s" % (shared - seen))


def main(args):
    if len(args) != 1:
        sys.exit("usage: read_backup.py DIR")
    try:
        check(args[0])
    except (Unsound, IndexError, ValueError, struct.error) as e:
        sys.exit("%s: %s" % (args[0], e))


if __name__ == "__main__":
    main(sys.argv[1:])
