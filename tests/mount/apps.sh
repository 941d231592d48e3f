#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Programs as people run them, on a mount with every cache on.
# Each works on a small input, so that the whole stays within a minute.
# shellcheck disable=SC2154 # lib.sh sets work, store, mnt, port and others
set -u

. "$TT_SRCDIR/tests/tap.sh"
. "$TT_SRCDIR/tests/mount/lib.sh"
mount_need python3
mount_up || exit 1
cd "$work" || exit 1

# want PROGRAM NAME FUNCTION: tried where Debian has the program.
want() {
	if command -v "$1" >/dev/null; then
		mkdir -p "$mnt/$3"
		tap_run "$2" "$3" "$mnt/$3"
	else
		tap_skip "$2" "$1 is not installed"
	fi
}

# same A B: two trees agree in names, contents, modes, owners, times, links.
same() {
	diff -r -x pipe "$1" "$2" &&
		diff <(fingerprint "$1") <(fingerprint "$2")
}

fingerprint() {
	(cd "$1" && find . -printf '%p %M %n %U %G %l %y ' \
		\( -type f -printf '%s %T@\n' -o -printf '\n' \) | sort)
}

input=/usr/include/linux
[ -d $input ] || input=$TT_SRCDIR/src

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

uses_git() {
	mkdir "$work/origin" && cp -r "$input" "$work/origin/sub" && (
		cd "$work/origin" && git init -q . && git add -A &&
			git -c user.name=t -c user.email=t@t commit -qm one
	) &&
		git clone -q "$work/origin" "$1/clone" && cd "$1/clone" &&
		[ -z "$(git status --porcelain)" ] &&
		echo change >>sub/new.h && git add -A &&
		git -c user.name=t -c user.email=t@t commit -qm two &&
		git gc -q && git fsck --strict && git checkout -q HEAD~1 &&
		git checkout -q - && [ -z "$(git status --porcelain)" ]
}

builds() {
	cd "$1" && printf '%s\n' 'prog: a.o b.o' '	cc -o $@ a.o b.o' \
		'a.o b.o: common.h' 'clean:' '	rm -f *.o prog' >Makefile
	echo 'int twice(int);' >common.h
	printf '#include "common.h"\nint main(void) { return twice(21) - 42; }\n' \
		>a.c
	printf '#include "common.h"\nint twice(int n) { return 2 * n; }\n' >b.c
	make -s -j2 && ./prog && make -q && touch common.h && ! make -q &&
		make -s && ./prog && make -s clean
}

keeps_sqlite() {
	python3 - "$1/db" <<'P'
import sqlite3, sys
for mode in ("delete", "wal"):
    path = f"{sys.argv[1]}-{mode}"
    a = sqlite3.connect(path)
    a.execute(f"pragma journal_mode={mode}")
    a.execute("pragma synchronous=normal")
    a.execute("create table t (id integer primary key, v text)")
    a.commit()
    for i in range(1000):
        a.execute("insert into t values (?, ?)", (i, "v%d" % i * (i % 50)))
        if i % 3 == 0:
            a.execute("update t set v = v || 'x' where id = ?", (i // 2,))
        a.commit()
    b = sqlite3.connect(path)
    assert b.execute("select count(*) from t").fetchone()[0] == 1000
    assert b.execute("pragma integrity_check").fetchone()[0] == "ok"
    a.execute("delete from t where id % 2"); a.commit()
    a.execute("vacuum"); a.commit()
    assert b.execute("select count(*) from t").fetchone()[0] == 500
    assert b.execute("pragma integrity_check").fetchone()[0] == "ok"
P
}

two_share_sqlite() {
	python3 - "$1/shared" <<'P'
import sqlite3, subprocess, sys
path = sys.argv[1]
a = sqlite3.connect(path, timeout=60)
a.execute("create table t (n integer)")
a.execute("insert into t values (0)")
a.commit()
code = """
import sqlite3, sys
c = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
for _ in range(100):
    c.execute("begin immediate")
    c.execute("update t set n = n + 1")
    c.execute("commit")
"""
ps = [subprocess.Popen([sys.executable, "-c", code, path]) for _ in range(2)]
assert [p.wait() for p in ps] == [0, 0]
assert a.execute("select n from t").fetchone()[0] == 200
P
}

tars() {
	cp -a "$TT_SRCDIR/src/base" "$work/tree" && cd "$work/tree" || return 1
	echo linked >one && ln one two && ln -s one three && mkfifo pipe &&
		truncate -s 1M sparse && mkdir -m 1770 sticky
	python3 -c 'import os; os.setxattr("one", "user.k", b"v")'
	tar --xattrs --sparse -cf "$work/a.tar" . &&
		mkdir "$1/out" && tar --xattrs -xpf "$work/a.tar" -C "$1/out" &&
		same "$work/tree" "$1/out" &&
		[ "$1/out/one" -ef "$1/out/two" ] &&
		[ "$(python3 -c 'import os, sys
print(os.getxattr(sys.argv[1], "user.k").decode())' "$1/out/one")" = v ] &&
		tar --xattrs --sparse -cf "$1/b.tar" -C "$1/out" . &&
		mkdir "$work/back" &&
		tar --xattrs -xpf "$1/b.tar" -C "$work/back" &&
		same "$work/tree" "$work/back"
}

rsyncs() {
	rsync -aHX "$input/" "$1/r/" &&
		[ -z "$(rsync -aHXi "$input/" "$1/r/")" ] &&
		rsync -ac --delete "$input/" "$1/r/" && same "$input" "$1/r"
}

saves_like_vim() {
	cd "$1" && printf 'one\ntwo\n' >text && chmod 640 text &&
		vim -Nu NONE -es -c '%s/two/2/' -c 'wq' text </dev/null &&
		[ "$(cat text)" = "$(printf 'one\n2')" ] &&
		vim -Nu NONE -es -c 'set backup backupcopy=no' -c '%s/2/zwei/' \
			-c wq text </dev/null &&
		[ "$(tail -n 1 text)" = zwei ] &&
		[ "$(stat -c %a text)" = 640 ] && ls -A && [ ! -e .text.swp ]
}

seds() {
	cd "$1" && seq 1 2000 >n && sed -i 's/^7$/seven/' n &&
		[ "$(sed -n 7p n)" = seven ] && sort -r -o n n &&
		[ "$(wc -l <n)" = 2000 ]
}

copies_sparsely() {
	truncate -s 300M "$work/big" && echo end >>"$work/big" &&
		cp --sparse=always "$work/big" "$1/big" &&
		[ "$(du -k "$1/big" | cut -f1)" -lt 1000 ] &&
		cp "$1/big" "$1/again" && cmp "$1/big" "$1/again" &&
		[ "$(du -k "$1/again" | cut -f1)" -lt 1000 ]
}

streams() {
	head -c 40M /dev/urandom >"$work/r" && dd if="$work/r" of="$1/r" bs=64k \
		conv=fsync status=none && cmp "$work/r" "$1/r" &&
		dd if="$1/r" of=/dev/null bs=1M iflag=direct status=none &&
		dd if="$work/r" of="$1/r2" bs=1M oflag=direct status=none &&
		cmp "$1/r" "$1/r2"
}

holds_a_big_directory() {
	python3 - "$1" <<'P'
import os, sys, time
os.chdir(sys.argv[1])
n = 20_000
for i in range(n):
    os.close(os.open(f"{i:08}", os.O_CREAT | os.O_WRONLY))
assert len(os.listdir(".")) == n
it = os.scandir(".")
start = time.monotonic()
next(it)
assert time.monotonic() - start < 0.5
it.close()
os.stat("00012345")
P
	rm -rf "$1" && [ ! -e "$1" ]
}

want cp 'cp -a copies a tree exactly' copies
want grep 'grep -r, find and du see it' greps
want git 'git clones, commits, collects and checks' uses_git
want make 'make builds what changed' builds
want python3 'SQLite keeps thousands of transactions, in both modes' \
	keeps_sqlite
want python3 'two processes share an SQLite database' two_share_sqlite
want tar 'tar round trips links, holes, FIFOs and attributes' tars
want rsync 'rsync -a sends nothing the second time' rsyncs
want vim 'vim saves in place and by rename' saves_like_vim
want sed 'sed -i and sort -o replace files' seds
want cp 'sparse files stay sparse' copies_sparsely
want dd 'large files stream, O_DIRECT too' streams
want python3 'a directory of 20,000 files is made and removed' \
	holds_a_big_directory

tree_survives() {
	same "$input" "$mnt/copies/copy" && same "$input" "$mnt/rsyncs/r"
}
cd "$work" || exit 1
tap_run 'the daemon starts again' mount_again
[ -n "$daemon" ] || exit 1
want rsync 'and everything is as it was' tree_survives
tap_done
