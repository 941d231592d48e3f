#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads tables, knowing nothing of the C code.

read_sst.py FILE
    Lists every record of an uncompressed table, from the two boxes of the
    published layout alone: what the boxes hold is skipped.

read_sst.py --verify [--values=DIR] FILE
    Decodes the whole file as data/README.md describes it, of any codec whose
    blocks can be inflated without modules (none, lz4, snappy), and checks
    everything redundant in it. Blocks of zstd are checked by their checksum.

With --values=DIR it also follows pointers into the value files of DIR, and
shows the values that they stand for.

Both print one line per record: timestamp, flag, key and value in hexadecimal
("-" for no bytes). Exit status 1 and a message for a file that is not sound.
"""

import os
import struct
import sys

from xxh3 import xxh3

TS_NEWEST = (1 << 63) - 1
FILTER_MIX = 0x9E3779B97F4A7C15
M64 = (1 << 64) - 1
CODECS = {0: "none", 1: "lz4", 2: "snappy", 3: "zstd"}


class Unsound(Exception):
    """The file is not what the specification says."""


def need(holds, what):
    if not holds:
        raise Unsound(what)


def take(data, at, n):
    need(0 <= n and at + n <= len(data), "file ends at a field at %d" % at)
    return data[at:at + n], at + n


def take_int32(data, at):
    raw, at = take(data, at, 4)
    return struct.unpack("<i", raw)[0], at


# ---- the published layout -------------------------------------------------

def records(data, at):
    """Yields (key, value, timestamp, flag) to the end of `data`."""
    while at < len(data):
        n, at = take_int32(data, at)
        key, at = take(data, at, n)
        n, at = take_int32(data, at)
        value, at = take(data, at, n)
        n, at = take_int32(data, at)
        need(n == 8, "timestamp size %d at %d" % (n, at - 4))
        raw, at = take(data, at, 8)
        n, at = take_int32(data, at)
        need(n == 1, "tombstone size %d at %d" % (n, at - 4))
        flag, at = take(data, at, 1)
        yield key, value, struct.unpack("<q", raw)[0], flag[0]


def boxes(data):
    """The filter box, the index box, and where the data begins."""
    n, at = take_int32(data, 0)
    filter_box, at = take(data, at, n)
    n, at = take_int32(data, at)
    index_box, at = take(data, at, n)
    return filter_box, index_box, at


# ---- the boxes, as data/README.md has them --------------------------------

class Block:
    def __init__(self, raw):
        (self.offset, self.checksum, self.sep_ts, self.stored_len,
         self.raw_len, self.n_records, self.key_end) = \
            struct.unpack("<QQqIIII", raw)


def range_list(raw):
    """[(lower, upper, timestamp)], and how many bytes the list takes."""
    n, keys_len = struct.unpack("<II", raw[:8])
    need(n >= 1, "an empty list of range tombstones")
    keys = raw[8 + 16 * n:8 + 16 * n + keys_len]
    need(len(keys) == keys_len, "list of range tombstones cut short")
    found, at = [], 0
    for i in range(n):
        ts, mid, end = struct.unpack("<qII", raw[8 + 16 * i:24 + 16 * i])
        need(at <= mid <= end <= keys_len, "range tombstone out of bounds")
        found.append((keys[at:mid], keys[mid:end], ts))
        need(is_range(keys[at:mid], keys[mid:end]), "impossible range")
        at = end
    need(at == keys_len, "length of the keys of range tombstones")
    order = [(lower, -ts) for lower, _, ts in found]
    need(order == sorted(set(order)), "range tombstones out of order")
    return found, 8 + 16 * n + keys_len


def is_range(lower, upper):
    return len(lower) > 0 and (not upper or lower < upper)


class Index:
    def __init__(self, box, data, data_at):
        need(len(box) >= 128, "index box of %d bytes" % len(box))
        need(box[:4] == b"TTSX", "no magic in the index box")
        stored = struct.unpack("<Q", box[-8:])[0]
        need(stored == xxh3(data[:data_at - 8]), "header checksum")
        (version, _, _, incompat, codec, _, n_blocks, keys_len,
         self.n_records, self.n_tombstones, self.raw_bytes, file_bytes,
         self.min_ts, self.max_ts) = \
            struct.unpack("<IIIIB3sIIQQQQqq", box[4:80])
        need(version == 1, "version %d" % version)
        need((incompat & ~31) == 0, "incompatible features %#x" % incompat)
        need(codec in CODECS, "codec %d" % codec)
        need(file_bytes == len(data), "file length")
        keys_end = end = 80 + 40 * n_blocks + keys_len
        self.has_dict = bool(incompat & 1)
        if self.has_dict:
            need(codec == 3, "a dictionary for codec %d" % codec)
            n = struct.unpack("<I", box[end:end + 4])[0]
            need(0 < n <= 16384, "dictionary of %d bytes" % n)
            need(box[end + 4:end + 8] == b"\x37\xa4\x30\xec",
                 "a dictionary without its magic")
            end += 4 + n
        self.ranges = []
        if incompat & 2:
            self.ranges, used = range_list(box[end:-8])
            end += used
        need(end + 8 == len(box), "index box length")
        self.codec = CODECS[codec]
        self.has_pointers = bool(incompat & 4)
        self.has_shared = bool(incompat & 16)
        self.has_merges = bool(incompat & 8)
        self.blocks = [Block(box[80 + 40 * i:120 + 40 * i])
                       for i in range(n_blocks)]
        keys = box[80 + 40 * n_blocks:keys_end]
        at = 0
        for b in self.blocks:
            need(at <= b.key_end <= keys_len, "separator out of bounds")
            b.separator = keys[at:b.key_end]
            at = b.key_end
        self.min_key = self.blocks[0].separator
        self.max_key = keys[at:]


class Filter:
    def __init__(self, box):
        need(len(box) >= 8, "filter box of %d bytes" % len(box))
        self.kind, self.n_probes, _, self.n_lines = \
            struct.unpack("<BBHI", box[:8])
        need(self.kind in (0, 1), "filter of kind %d" % self.kind)
        need(len(box) == 8 + 64 * self.n_lines, "filter box length")
        self.lines = box[8:]

    def may_have(self, key):
        if self.kind == 0:
            return True
        h = xxh3(key)
        line = 64 * ((h * self.n_lines) >> 64)
        x = h * FILTER_MIX & M64
        for _ in range(self.n_probes):
            bit = x & 511
            if not self.lines[line + bit // 8] >> (bit % 8) & 1:
                return False
            x >>= 9
        return True


# ---- codecs ----------------------------------------------------------------

def copy_back(out, distance, n):
    need(0 < distance <= len(out), "a copy from before the block")
    for _ in range(n):
        out.append(out[-distance])


def lz4_length(src, at, n):
    while n >= 15:
        more = src[at]
        at += 1
        n += more
        if more != 255:
            break
    return n, at


def inflate_lz4(src):
    out, at = bytearray(), 0
    while at < len(src):
        token = src[at]
        n, at = lz4_length(src, at + 1, token >> 4)
        out += src[at:at + n]
        at += n
        if at >= len(src):
            break
        distance = src[at] | src[at + 1] << 8
        n, at = lz4_length(src, at + 2, token & 15)
        copy_back(out, distance, n + 4)
    return bytes(out)


def inflate_snappy(src):
    out, at, total, shift = bytearray(), 0, 0, 0
    while True:
        b = src[at]
        at += 1
        total |= (b & 127) << shift
        shift += 7
        if b < 128:
            break
    while at < len(src):
        tag = src[at]
        at += 1
        kind, n = tag & 3, tag >> 2
        if kind == 0:
            if n >= 60:
                k = n - 59
                n = int.from_bytes(src[at:at + k], "little")
                at += k
            out += src[at:at + n + 1]
            at += n + 1
        elif kind == 1:
            copy_back(out, (tag >> 5) << 8 | src[at], (n & 7) + 4)
            at += 1
        else:
            k = 2 if kind == 2 else 4
            copy_back(out, int.from_bytes(src[at:at + k], "little"), n + 1)
            at += k
    need(len(out) == total, "a snappy block of another length")
    return bytes(out)


INFLATE = {"lz4": inflate_lz4, "snappy": inflate_snappy}


# ---- value files ------------------------------------------------------------

class Pointer:
    def __init__(self, raw):
        need(len(raw) == 36, "pointer of %d bytes" % len(raw))
        (self.file_no, self.offset, self.checksum, self.stored_len,
         self.raw_len, self.codec, self.shared_key_len, zero) = \
            struct.unpack("<QQQIIBHB", raw)
        need(zero == 0 and self.codec in CODECS, "impossible pointer")
        if self.codec == 0:
            need(self.stored_len == self.raw_len, "two lengths in a pointer")
        else:
            need(self.stored_len < self.raw_len, "lengths of a pointer")


def value_seed(file_no, offset):
    return ((file_no + 1) * FILTER_MIX & M64) ^ offset


def read_value(folder, key, p):
    """What a pointer stands for; None when its codec is beyond us."""
    owner_len = p.shared_key_len or len(key)
    with open(os.path.join(folder, "%06d.val" % p.file_no), "rb") as f:
        head = f.read(32)
        f.seek(p.offset)
        record = f.read(40 + owner_len + p.stored_len)
    need(len(head) == 32 and head[:4] == b"TTVL", "no value file")
    version, features, no, stored = struct.unpack("<IQQQ", head[4:])
    need(stored == xxh3(head[:24]), "header of a value file")
    need((version, features, no) == (1, 0, p.file_no), "another value file")
    need(p.offset % 8 == 0, "a record out of place")
    need(len(record) == 40 + owner_len + p.stored_len, "a value cut short")
    (head_sum, _, value_sum, stored_len, raw_len, key_len, codec, zero) = \
        struct.unpack("<QqQIIHB5s", record[:40])
    need(head_sum == xxh3(record[8:40 + key_len],
                          value_seed(p.file_no, p.offset)),
         "checksum of the record at %d" % p.offset)
    need((value_sum, stored_len, raw_len, codec, zero) ==
         (p.checksum, p.stored_len, p.raw_len, p.codec, bytes(5)),
         "a record unlike its pointer")
    need(key_len == owner_len, "a key of another length")
    need(p.shared_key_len or record[40:40 + key_len] == key,
         "a value of another key")
    value = record[40 + key_len:]
    need(xxh3(value) == p.checksum, "checksum of the value at %d" % p.offset)
    if codec:
        if CODECS[codec] not in INFLATE:
            return None
        value = INFLATE[CODECS[codec]](value)
    need(len(value) == raw_len, "raw length of the value at %d" % p.offset)
    return value


# ---- the two modes ----------------------------------------------------------

def show(record):
    key, value, ts, flag = record
    print(ts, flag, key.hex() or "-", value.hex() or "-")


def check_order(last, record):
    key, _, ts, flag = record
    place = key, -ts, flag == 4
    if last is not None:
        need(last[:2] < place[:2] or last < place,
             "records out of order at key %s" % key.hex())
    return place


def list_records(data):
    last = None
    for record in records(data, boxes(data)[2]):
        last = check_order(last, record)
        show(record)


def block_records(data, index, b):
    """The records of a block; None when its codec is beyond us."""
    stored = data[b.offset:b.offset + b.stored_len]
    need(len(stored) == b.stored_len, "block beyond the end of the file")
    need(xxh3(stored) == b.checksum, "checksum of block at %d" % b.offset)
    raw = stored
    if b.stored_len != b.raw_len:
        if index.codec not in INFLATE:
            return None
        raw = INFLATE[index.codec](stored)
    need(len(raw) == b.raw_len, "raw length of block at %d" % b.offset)
    found = list(records(raw, 0))
    need(len(found) == b.n_records, "records in block at %d" % b.offset)
    return found


def check_operands(value):
    """The value of a merge record: operands back to back."""
    need(value, "a merge record without operands")
    at = 0
    while at < len(value):
        kind, size = struct.unpack_from("<BI", value, at)
        at += 5 + size
        need(kind in (0, 1) and at <= len(value), "an impossible operand")
        need(kind == 1 or size >= 4, "a patch without an offset")


def check_ranges(index, seen):
    """The list has the records' range tombstones, perhaps cut."""
    there = [r for r in seen if r[3] == 4]
    need(len(there) == len(index.ranges), "number of range tombstones")
    for (key, value, ts, _), (lower, upper, when) in zip(there, index.ranges):
        need(is_range(key, value), "a record of an impossible range")
        need((key, ts) == (lower, when), "another range tombstone")
        need(not value or (upper and upper <= value), "a range cut wrongly")


def check_sums(index, seen):
    check_ranges(index, seen)
    need(seen[0][0] == index.min_key, "smallest key")
    need(seen[-1][0] == index.max_key, "largest key")
    need(sum(r[3] == 1 for r in seen) == index.n_tombstones, "tombstones")
    need(min(r[2] for r in seen) == index.min_ts, "smallest timestamp")
    need(max(r[2] for r in seen) == index.max_ts, "largest timestamp")


def check_kind(record, index, values):
    """What is special about the kind; the record to show."""
    key, value, ts, flag = record
    need(flag in (0, 1, 2, 3, 4), "flag %d" % flag)
    if flag == 2:
        need(index.has_merges, "a merge record unannounced")
        check_operands(value)
    if flag == 3:
        need(index.has_pointers, "a pointer unannounced")
        pointer = Pointer(value)
        need(index.has_shared or not pointer.shared_key_len,
             "a shared value unannounced")
        if values:
            value = read_value(values, key, pointer)
    return key, value, ts, flag


def verify(data, values):
    filter_box, index_box, at = boxes(data)
    index = Index(index_box, data, at)
    keys = Filter(filter_box)
    seen, last, all_known = [], None, True
    for i, b in enumerate(index.blocks):
        need(b.offset == at, "block at %d, not %d" % (b.offset, at))
        at += b.stored_len
        found = block_records(data, index, b)
        if found is None:
            all_known = False
            continue
        for record in found:
            key, _, ts, _ = record
            last = check_order(last, record)
            shown = check_kind(record, index, values)
            need((b.separator, -b.sep_ts) <= (key, -ts),
                 "a record before its separator")
            if i + 1 < len(index.blocks):
                follows = index.blocks[i + 1]
                need((key, -ts) < (follows.separator, -follows.sep_ts),
                     "a record beyond the next separator")
            need(keys.may_have(key), "the filter denies %s" % key.hex())
            if shown[1] is not None:
                show(shown)
        seen += found
    need(at == len(data), "data ends at %d" % at)
    need(sum(b.n_records for b in index.blocks) == index.n_records, "records")
    need(sum(b.raw_len for b in index.blocks) == index.raw_bytes, "raw bytes")
    if all_known:
        check_sums(index, seen)


def main(args):
    verifies, values = False, None
    if args and args[0] == "--verify":
        verifies, args = True, args[1:]
        if args and args[0].startswith("--values="):
            values, args = args[0][len("--values="):], args[1:]
    if len(args) != 1:
        sys.exit("usage: read_sst.py [--verify [--values=DIR]] FILE")
    with open(args[0], "rb") as f:
        data = f.read()
    try:
        if verifies:
            verify(data, values)
        else:
            list_records(data)
    except (Unsound, IndexError, OSError) as e:
        sys.stdout.flush()
        sys.exit("%s: %s" % (args[0], e))


if __name__ == "__main__":
    main(sys.argv[1:])
