# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154

rsyncs() {
	rsync -aHX "$input/" "$1/r/" &&
		[ -z "$(rsync -aHXi "$input/" "$1/r/")" ] &&
		echo more >>"$1/r/new" &&
		rsync -ac --delete "$input/" "$1/r" && same "$input" "$1/r"
}

# Blocks are compared, and the file is rewritten in its place.
writes_in_place() {
	head -c 3M /dev/urandom >"$work/blocks" &&
		rsync --no-whole-file --inplace "$work/blocks" "$1/b" &&
		printf 'x' | dd of="$work/blocks" bs=1 seek=2000000 conv=notrunc \
			status=none &&
		rsync --no-whole-file --inplace -I "$work/blocks" "$1/b" &&
		cmp "$work/blocks" "$1/b"
}

rsync_finds_nothing() {
	[ -z "$(rsync -aHXi "$input/" "$mnt/rsyncs/r/")" ]
}

want rsync 'rsync -a sends nothing the second time' rsyncs
want rsync 'rsync --inplace changes blocks' writes_in_place
if command -v rsync >/dev/null; then
	remount rsync
	tap_run 'rsync finds nothing to send' rsync_finds_nothing
fi
