#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# cp on a mount shares what it copies: nothing of it is read or written, and
# each of the two goes its own way, also past kill -9.
# shellcheck disable=SC2154 # lib.sh sets work, store, mnt, port and others
set -u

. "$TT_SRCDIR/tests/tap.sh"
. "$TT_SRCDIR/tests/mount/lib.sh"
mount_need python3 cp cmp dd
mount_up || exit 1

mib=24

# figure NAME: a figure of the store.
figure() {
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$mount_scripts python3 -c '
import sys
from port import Port
print(Port(sys.argv[1]).stats()[sys.argv[2]])' "$port" "$1"
}

# Only the kernel that hands copy_file_range() on can have anything shared.
copies_nothing() {
	[ "$(figure fuse.requests.copy_file_range)" = 0 ]
}

# changes_nothing COMMAND...: runs it; no separated value was read or written.
changes_nothing() {
	local before after
	before="$(figure engine.values.puts) $(figure engine.values.reads)"
	"$@" || return 1
	after="$(figure engine.values.puts) $(figure engine.values.reads)"
	[ "$before" = "$after" ] || {
		printf 'written and read before: %s, after: %s\n' \
			"$before" "$after"
		return 1
	}
}

same() {
	cmp "$work/data" "$mnt/$1"
}

# A flipped byte of the largest value file, which is of the first copies.
is_found_damaged() {
	local file
	cp -a "$store" "$work/damaged"
	file=$(find "$work/damaged/val" -name '*.val' -size +8M | head -n 1)
	printf x | dd of="$file" bs=1 seek=$((5 << 20)) conv=notrunc \
		status=none
	ttrunks-fsck check "$work/damaged" 2>&1 |
		grep "fails its checksum"
}

head -c ${mib}M /dev/urandom >"$work/data"
printf 'ends in the middle of a block' >>"$work/data"
cp "$work/data" "$mnt/a"
cp "$mnt/a" "$mnt/probe"
if copies_nothing; then
	mount_down
	tap_skip_all 'cp asks for no copy_file_range here'
fi

tap_run 'cp neither reads nor writes what it copies' \
	changes_nothing cp "$mnt/a" "$mnt/b"
tap_run 'the copy is the same' same b
tap_is 'and takes as many blocks' "$(stat -c %b "$mnt/b")" \
	"$(stat -c %b "$mnt/a")"
tap_run 'a copy is copied as well' changes_nothing cp "$mnt/b" "$mnt/c"
tap_run 'what is overwritten is shared too' \
	changes_nothing cp "$mnt/a" "$mnt/probe"

dd if=/dev/zero of="$mnt/a" bs=1000 count=5000 conv=notrunc status=none
truncate -s 100 "$mnt/b"
tap_run 'a change of the others leaves a copy alone' same c
rm "$mnt/a" "$mnt/b" "$mnt/probe"
cp "$mnt/c" "$mnt/d"

kill -KILL "$daemon"
mount_wait_dead
mount_up || exit 1
tap_run 'a copy is there after SIGKILL, without what it was made of' same d
rm "$mnt/c"
tap_run 'a sparse file is copied' \
	sh -c "truncate -s 1G '$mnt/s' && dd if='$work/data' of='$mnt/s' \
		bs=1M seek=512 count=1 conv=notrunc status=none &&
		cp '$mnt/s' '$mnt/t' && cmp '$mnt/s' '$mnt/t'"
tap_is 'and stays sparse' "$(stat -c %b "$mnt/t")" "$(stat -c %b "$mnt/s")"
tap_run 'the mount ends' mount_down
if command -v ttrunks-fsck >/dev/null; then
	tap_run 'the store checks clean' ttrunks-fsck check "$store"
	tap_run 'and not when a shared value is damaged' is_found_damaged
else
	tap_skip 'the store checks clean' 'ttrunks-fsck is not built'
	tap_skip 'and not when a shared value is damaged' 'likewise'
fi
mount_up || exit 1
tap_run 'the copy is there after all' same d
tap_run 'the daemon ends' mount_down
tap_done
