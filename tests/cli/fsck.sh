#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# ttrunks-fsck: what it says of sound, damaged, busy and foreign things.

# shellcheck source=tests/cli/cli_lib.sh
. "$TT_SRCDIR/tests/cli/cli_lib.sh"

store=$scratch/store
start_daemon "$store" --compression=none
ttrunks --port="$port" set users/alice hello
ttrunks-datagen --port="$port" -n 3000 -size 200 -quiet
head -c 60000 /dev/urandom | base64 -w 0 >"$scratch/large"
ttrunks --port="$port" set users/large - <"$scratch/large"
stop_daemon

# check [OPTION...]: of a copy of the store, as it was; its path in $copy.
copy=$scratch/copy
fresh_copy() {
	rm -rf "$copy"
	cp -a "$store" "$copy"
}

fresh_copy
run ttrunks-fsck check "$copy"
expect 'a sound store is clean' 0 "$out" ''
case $out in
'clean: '*'; tree checked') tap_ok 'the summary says what was checked' ;;
*) tap_not_ok 'the summary says what was checked' "$out" ;;
esac
run ttrunks-fsck check --json "$copy"
tap_run 'check --json is JSON' python3 -c '
import json, sys
last = json.loads(sys.argv[1].splitlines()[-1])
assert last["type"] == "summary" and last["damaged"] == 0, last
assert last["tree_checked"] and last["records"] > 3000, last
' "$out"
TTRUNKSDB_DATA_DIR=$copy run ttrunks-fsck check --quiet
expect 'the store may come from the environment' 0 '' ''

table=$(find "$copy/sst" -name '*.sst' | sort | head -n 1)
if [ -z "$table" ]; then
	tap_not_ok 'the store has a table' "$(ls -R "$copy")"
	tap_done
fi

# flip FILE AT: one bit.
flip() {
	python3 -c '
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(int(sys.argv[2]))
    b = f.read(1)[0]
    f.seek(int(sys.argv[2]))
    f.write(bytes([b ^ 1]))
' "$1" "$2"
}

size=$(stat -c %s "$table")
flip "$table" $((size - 100))
run ttrunks-fsck check "$copy"
case $status:$out in
1:*"damage: $table: block "*' at offset '*'fails its checksum'*DAMAGED:*)
	tap_ok 'a flipped bit in a table is found, with file and offset' ;;
*) tap_not_ok 'a flipped bit in a table is found, with file and offset' \
	"status $status" "$out" "$err" ;;
esac
run ttrunks-fsck check "$copy"
tap_is 'and the store was left as it is' "$status" 1
run ttrunks-fsck dump --keys "$table"
tap_is 'dump says so too' "$status" 1
case $err in
'ttrunks-fsck: damaged: '*) tap_ok 'and shows the rest' ;;
*) tap_not_ok 'and shows the rest' "$err" ;;
esac

fresh_copy
flip "$copy/OPTIONS" 40
run ttrunks-fsck check "$copy"
case $status:$out in
1:*"damage: $copy/OPTIONS: fails its checksum"*DAMAGED:*)
	tap_ok 'damaged settings are found' ;;
*) tap_not_ok 'damaged settings are found' "status $status" "$out" ;;
esac

fresh_copy
rm "$table"
run ttrunks-fsck check "$copy"
case $status:$out in
1:*'is missing'*) tap_ok 'a missing table is found' ;;
*) tap_not_ok 'a missing table is found' "status $status" "$out" ;;
esac

fresh_copy
values=$(find "$copy/val" -name '*.val' -size +20k | sort | head -n 1)
flip "$values" 20000
run ttrunks-fsck check "$copy"
case $status:$out in
1:*"damage: $values: value of "*' at offset '*'fails its checksum'*DAMAGED:*)
	tap_ok 'a flipped bit in a value is found, with file and offset' ;;
*) tap_not_ok 'a flipped bit in a value is found, with file and offset' \
	"status $status" "$out" "$err" ;;
esac
run ttrunks-fsck dump --keys "$values"
case $status:$err in
1:*"$values: value of "*'fails its checksum'*)
	tap_ok 'and dump of the value file says so' ;;
*) tap_not_ok 'and dump of the value file says so' "status $status" "$err" ;;
esac

fresh_copy
rm "$values"
run ttrunks-fsck check "$copy"
case $status:$out in
1:*"$values is missing"*) tap_ok 'a missing value file is found' ;;
*) tap_not_ok 'a missing value file is found' "status $status" "$out" ;;
esac

fresh_copy
flip "$copy"/MANIFEST-* 40
run ttrunks-fsck check "$copy"
case $status:$out in
1:*damage:*MANIFEST*) tap_ok 'a damaged manifest is found' ;;
*) tap_not_ok 'a damaged manifest is found' "status $status" "$out" "$err" ;;
esac

# Of other things.
run ttrunks-fsck check "$scratch/nothing"
expect 'a directory that is not there is no store' 1 '' '*no store here*'
mkdir "$scratch/other"
echo text >"$scratch/other/file"
run ttrunks-fsck check "$scratch/other"
expect 'another directory is no store' 1 '' '*no store here*'
tap_is 'and nothing was made in it' "$(ls "$scratch/other")" file
run ttrunks-fsck dump "$scratch/other/file"
expect 'any file is not dumped' 1 '' '*no table, log segment*'
for args in '' 'dump' 'frob x' 'check a b' 'dump --limit=0 x' 'dump --nope x'; do
	# shellcheck disable=SC2086
	run ttrunks-fsck $args
	expect "wrong usage: \"$args\"" 2 '' 'ttrunks-fsck: *--help*'
done

# A store in use.
start_daemon "$store"
run ttrunks-fsck check "$store"
case $status:$out in
0:*"process $daemon"*clean:*) tap_ok 'a busy store is checked as it is' ;;
*) tap_not_ok 'a busy store is checked as it is' "status $status" "$out" \
	"$err" ;;
esac
stop_daemon

# What only the log points to, as after the death of the daemon.
start_daemon "$scratch/logged" --compression=none
ttrunks --port="$port" --sync set users/large - <"$scratch/large"
ttrunks --port="$port" --sync set users/small after
rm -rf "$copy"
cp -a "$scratch/logged" "$copy"
stop_daemon
run ttrunks-fsck check "$copy"
tap_is 'values in the log are sound' "$status" 0
rm -rf "$copy"
cp -a "$scratch/logged" "$scratch/again"
start_daemon "$scratch/again" --compression=none
ttrunks --port="$port" --sync set users/large - <"$scratch/large"
ttrunks --port="$port" --sync set users/small after
cp -a "$scratch/again" "$copy"
stop_daemon
values=$(find "$copy/val" -name '*.val' -size +9k | sort | tail -n 1)
flip "$values" $(($(stat -c %s "$values") - 5000))
run ttrunks-fsck check "$copy"
case $status:$out in
1:*"damage: $values: value of "*' fails its checksum'*DAMAGED:*)
	tap_ok 'a flipped bit in a value of the log is found' ;;
*) tap_not_ok 'a flipped bit in a value of the log is found' \
	"status $status" "$out" "$err" ;;
esac

# Every file of a store can be shown.
for file in "$store"/CURRENT "$store"/MANIFEST-* "$store"/wal/*.wal \
	"$store"/sst/*.sst "$store"/val/*.val; do
	run ttrunks-fsck dump --limit=3 --json "$file"
	name=${file#"$store"/}
	tap_run "dump --json of ${name//[0-9]/} is JSON" python3 -c '
import json, sys
for line in sys.argv[1].splitlines():
    assert json.loads(line)["type"] != "damage", line
assert sys.argv[2] == "0"
' "$out" "$status"
done
table=$(find "$store/sst" -name '*.sst' | sort | head -n 1)
run ttrunks-fsck dump --limit=5 "$table"
tap_is '--limit bounds the records' \
	"$(printf '%s\n' "$out" | grep -c '^record ')" 5

# Tables of the old program: timestamp sizes of eight bytes and of four.
for width in 8 4; do
	run ttrunks-fsck dump \
		"$TT_SRCDIR/tests/fuzz/corpus/old_table/width$width"
	tap_is "a table of the old program, width $width" \
		"$(printf '%s\n' "$out" | tail -n 3)" \
'record key="alice" ts=1700000000 kind="value" value="hello"
record key="bob" ts=1700000001 kind="tombstone"
record key="carol" ts=1700000002 kind="value" value="\x00\xff bytes"'
done

tap_done
