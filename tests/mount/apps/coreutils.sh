# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
#
# cp, grep, find, du, dd, sort: and everything is there after a restart.

copies() {
	cp -a "$input" "$1/copy" && same "$input" "$1/copy"
}

greps() {
	[ "$(grep -rlc include "$mnt/copies/copy" | wc -l)" = \
		"$(grep -rlc include "$input" | wc -l)" ] &&
		[ "$(find "$mnt/copies/copy" | wc -l)" = \
			"$(find "$input" | wc -l)" ] &&
		du -s "$mnt/copies" >/dev/null
}

copies_sparsely() {
	truncate -s 300M "$work/big" && echo end >>"$work/big" &&
		cp --sparse=always "$work/big" "$1/big" &&
		[ "$(du -k "$1/big" | cut -f1)" -lt 1000 ] &&
		cp "$1/big" "$1/again" && cmp "$1/big" "$1/again" &&
		[ "$(du -k "$1/again" | cut -f1)" -lt 1000 ] &&
		cp --sparse=always "$1/big" "$work/back" &&
		cmp "$work/big" "$work/back" && rm "$work/big" "$work/back"
}

streams() {
	head -c 40M /dev/urandom >"$work/r" && dd if="$work/r" of="$1/r" bs=64k \
		conv=fsync status=none && cmp "$work/r" "$1/r" &&
		dd if="$1/r" of=/dev/null bs=1M iflag=direct status=none &&
		dd if="$work/r" of="$1/r2" bs=1M oflag=direct status=none &&
		cmp "$1/r" "$1/r2" && rm "$work/r"
}

same_copy() {
	same "$input" "$mnt/copies/copy"
}

want cp 'cp -a copies a tree exactly' copies
want grep 'grep -r, find and du see it' greps
want cp 'sparse files stay sparse' copies_sparsely
want dd 'large files stream, O_DIRECT too' streams
remount cp
tap_run 'and the copied tree is as it was' same_copy
