#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Tables read by a program that shares nothing with ours: once from the
# published layout alone, once from data/README.md. And ours reads the pinned
# tables of every codec.

# shellcheck source=tests/tap.sh
. "$TT_SRCDIR/tests/tap.sh"

golden=$TT_SRCDIR/tests/golden
make_tables=$TT_BUILDDIR/tests/golden/make_tables
command -v python3 >/dev/null || tap_skip_all 'no python3'
scratch=$(mktemp -d "${TMPDIR:-/tmp}/ttrunks-format-XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT

read_sst() {
	PYTHONDONTWRITEBYTECODE=1 python3 "$TT_SRCDIR/tests/format/read_sst.py" "$@"
}

# same_records FILE RECORDS [--verify]: FILE lists as RECORDS does.
same_records() {
	local file=$1 records=$2
	shift 2
	read_sst "$@" "$file" >"$scratch/listed" &&
		cmp "$scratch/listed" "$golden/$records"
}

# dumped FILE: its records by ttrunks-fsck, in the form of records.txt.
dumped() {
	ttrunks-fsck dump --json "$1" | python3 -c '
import base64, json, sys

def bytes_of(r, name):
    if name not in r:
        return "-"
    text = r[name]
    if r.get(name + "_encoding") == "base64":
        return base64.b64decode(text).hex() or "-"
    return text.encode().hex() or "-"

for line in sys.stdin:
    r = json.loads(line)
    if r["type"] == "record":
        flag = {"value": 0, "tombstone": 1, "merge": 2,
                "delete_range": 4}[r["kind"]]
        value = "upper" if flag == 4 else "value"
        print(r["ts"], flag, bytes_of(r, "key"), bytes_of(r, value))
'
}

tap_run 'the two boxes are enough to read every record' \
	same_records "$golden/none.sst" records.txt
for codec in none lz4 snappy; do
	tap_run "a $codec table is as data/README.md says" \
		same_records "$golden/$codec.sst" records.txt --verify
done
tap_run 'a zstd table is as data/README.md says, blocks unopened' \
	read_sst --verify "$golden/zstd.sst"
tap_run 'a table with a dictionary is as data/README.md says, blocks unopened' \
	read_sst --verify "$golden/dict.sst"
tap_run 'a table with merge records is as data/README.md says' \
	same_records "$golden/merges.sst" merges.txt --verify

tap_run 'the two boxes are enough to read range tombstones' \
	same_records "$golden/ranges.sst" ranges.txt
tap_run 'a table with range tombstones is as data/README.md says' \
	same_records "$golden/ranges.sst" ranges.txt --verify
# same_values DIR NAME LIST: DIR/NAME.sst and what it points to are as listed.
same_values() {
	read_sst --verify --values="$1/val" "$1/$2.sst" >"$scratch/listed" &&
		cmp "$scratch/listed" "$golden/$3"
}

for name in values values_lz4; do
	tap_run "values outside of a table ($name) are as data/README.md says" \
		same_values "$golden" "$name" values.txt
done
tap_run 'values that other keys share are as data/README.md says' \
	same_values "$golden" shared shared.txt

tap_is 'ours tells which values are shared' \
	"$(ttrunks-fsck dump --json "$golden/shared.sst" |
		grep -c '"shared_key_bytes":8')" \
	"$(wc -l <"$golden/shared.txt")"

mkdir "$scratch/new"
tap_run 'tables are made' "$make_tables" "$scratch/new"
tap_run 'a table without codec is byte for byte the pinned one' \
	cmp "$scratch/new/none.sst" "$golden/none.sst"
tap_run 'a table with merge records is byte for byte the pinned one' \
	cmp "$scratch/new/merges.sst" "$golden/merges.sst"
tap_run 'a table with range tombstones is byte for byte the pinned one' \
	cmp "$scratch/new/ranges.sst" "$golden/ranges.sst"
tap_run 'a value file without codec is byte for byte the pinned one' \
	cmp "$scratch/new/val/000007.val" "$golden/val/000007.val"
tap_run 'and so is the table that points into it' \
	cmp "$scratch/new/values.sst" "$golden/values.sst"
tap_run 'and the one that shares its values' \
	cmp "$scratch/new/shared.sst" "$golden/shared.sst"
tap_run 'values of a new file with a codec are the pinned ones' \
	same_values "$scratch/new" values_lz4 values.txt
tap_run 'the records are the pinned ones' \
	cmp "$scratch/new/records.txt" "$golden/records.txt"
for codec in none lz4 snappy zstd; do
	dumped "$golden/$codec.sst" >"$scratch/dumped"
	tap_run "the pinned $codec table is read" \
		cmp "$scratch/dumped" "$golden/records.txt"
	dumped "$scratch/new/$codec.sst" >"$scratch/dumped"
	tap_run "a new $codec table is read" \
		cmp "$scratch/dumped" "$golden/records.txt"
done

dumped "$golden/merges.sst" >"$scratch/dumped"
tap_run 'the pinned table with merge records is read' \
	cmp "$scratch/dumped" "$golden/merges.txt"

for dir in "$golden" "$scratch/new"; do
	dumped "$dir/dict.sst" >"$scratch/dumped"
	tap_run 'a table with a dictionary is read' \
		cmp "$scratch/dumped" "$golden/texts.txt"
done
dumped "$golden/ranges.sst" >"$scratch/dumped"
tap_run 'the pinned table with range tombstones is read' \
	cmp "$scratch/dumped" "$golden/ranges.txt"

# dumped_values FILE: keys and values of a value file by ttrunks-fsck.
dumped_values() {
	ttrunks-fsck dump --json "$1" | python3 -c '
import json, sys
for line in sys.stdin:
    r = json.loads(line)
    if r["type"] == "value":
        print(r["key"].encode().hex(), r["value"].encode().hex() or "-")
'
}

awk '$2 == 3 { print $3, $4 }' "$golden/values.txt" >"$scratch/pointed"
for no in 7 8; do
	dumped_values "$golden/val/00000$no.val" >"$scratch/dumped"
	tap_run "the pinned value file $no is read" \
		cmp "$scratch/dumped" "$scratch/pointed"
done

# flip AT: a copy of the pinned table with one bit of byte AT flipped.
flip() {
	python3 -c '
import sys
at = int(sys.argv[3])
data = bytearray(open(sys.argv[1], "rb").read())
data[at] ^= 4
open(sys.argv[2], "wb").write(data)
' "$golden/none.sst" "$scratch/flipped.sst" "$1"
}

size=$(stat -c %s "$golden/none.sst")
unnoticed=
for i in $(seq 0 39); do
	at=$((i * (size - 1) / 39))
	flip "$at"
	read_sst --verify "$scratch/flipped.sst" >/dev/null 2>&1 &&
		unnoticed="$unnoticed $at"
done
tap_is 'a flipped bit is noticed from the specification alone' "$unnoticed" ''

# The same for the value file: a bit that counts, or padding.
unnoticed=
mkdir "$scratch/flipped"
size=$(stat -c %s "$golden/val/000007.val")
for i in $(seq 0 29); do
	python3 -c '
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[int(sys.argv[3])] ^= 4
open(sys.argv[2], "wb").write(data)
' "$golden/val/000007.val" "$scratch/flipped/000007.val" $((i * (size - 9) / 29))
	read_sst --verify --values="$scratch/flipped" "$golden/values.sst" \
		>/dev/null 2>&1 && unnoticed="$unnoticed $i"
done
tap_is 'a flipped bit of a value file is noticed' "$unnoticed" ''

tap_done
