# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154

attribute() {
	python3 -c 'import os, sys
print(os.getxattr(sys.argv[1], "user.k").decode())' "$1"
}

plant() {
	cp -a "$TT_SRCDIR/src/base" "$work/tree" && cd "$work/tree" &&
		echo linked >one && ln one two && ln -s one three &&
		mkfifo pipe && truncate -s 1M sparse && mkdir -m 1770 sticky &&
		mkdir -m 2755 setgid && touch -d @1.123456789 old &&
		python3 -c 'import os; os.setxattr("one", "user.k", b"v")'
}

tars() {
	plant || return 1
	tar --xattrs --sparse -cf "$work/a.tar" . &&
		mkdir "$1/out" && tar --xattrs -xpf "$work/a.tar" -C "$1/out" &&
		same "$work/tree" "$1/out" &&
		[ "$1/out/one" -ef "$1/out/two" ] &&
		[ "$(attribute "$1/out/one")" = v ] &&
		tar --xattrs --sparse -cf "$1/b.tar" -C "$1/out" . &&
		mkdir "$work/back" &&
		tar --xattrs -xpf "$1/b.tar" -C "$work/back" &&
		same "$work/tree" "$work/back" &&
		[ "$(attribute "$work/back/two")" = v ]
}

# A second dump with a snapshot file holds only what changed since.
dumps_what_changed() {
	cd "$mnt/tars/out" && tar -g "$1/snar" -cf "$1/0.tar" . &&
		echo more >>arena.c && rm buf.c && tar -g "$1/snar" \
		-cf "$1/1.tar" . &&
		[ "$(tar -tf "$1/1.tar" | grep -v '/$')" = ./arena.c ]
}

want tar 'tar round trips links, holes, FIFOs and attributes' tars
want tar 'an incremental dump holds what changed' dumps_what_changed
