#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# ./quickstart.sh         install what is missing, build, show the main job
# ./quickstart.sh check   the same set-up, then every test
# ./quickstart.sh stop    unmount the demo and end its daemon
#
# The demo lives in demo/: the store, the mount point and a log. A second run
# goes on with the same store.
set -Eeuo pipefail

cd "$(dirname "$0")"
top=$PWD
build=$top/build
demo=$top/demo
store=$demo/store
mnt=$demo/mnt
work=$demo/work
PATH=$build:$PATH

# ---- telling what happens ------------------------------------------------

bold='' dim='' plain=''
if [ -t 1 ]; then
	bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'
fi

step() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
say() { printf '   %s\n' "$*"; }
show() { printf '   %s$ %s%s\n' "$dim" "$*" "$plain"; }
# Prints a command, then runs it with its output indented.
run() {
	show "$*"
	"$@" 2>&1 | sed 's/^/     /'
}
fail() {
	printf '\nquickstart: %s\n' "$1" >&2
	[ $# -lt 2 ] || printf 'quickstart: %s\n' "$2" >&2
	exit 1
}
trap 'fail "stopped at line $LINENO" \
	"the log is $demo/log; run ./quickstart.sh again after mending, or ./quickstart.sh stop"' ERR

# ---- set-up --------------------------------------------------------------

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		fail "root is needed for: $*" "run that as root, then ./quickstart.sh again"
	fi
}

install_packages() {
	local missing
	missing=$(build-aux/packages --missing "$@" | tr '\n' ' ')
	if [ -z "${missing// /}" ]; then
		say "Debian packages: all there ($*)"
		return
	fi
	say "installing Debian packages: $missing"
	as_root apt-get update -qq
	# shellcheck disable=SC2086 # a list of words
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
		--no-install-recommends $missing >/dev/null
}

# Configures once, builds always: make knows what changed.
build_all() {
	mkdir -p "$build"
	if [ ! -e "$build/config.status" ]; then
		say "configuring in build/ (log: build/quickstart.log)"
		{
			autoreconf -i &&
				(cd "$build" && "$top/configure" --enable-werror)
		} >"$build/quickstart.log" 2>&1 || {
			tail -n 20 "$build/quickstart.log" >&2
			fail "configure failed" "the whole output is in build/quickstart.log"
		}
	fi
	say "building with $(nproc) jobs"
	make -C "$build" -s -j"$(nproc)" >>"$build/quickstart.log" 2>&1 || {
		tail -n 30 "$build/quickstart.log" >&2
		fail "the build failed" "the whole output is in build/quickstart.log"
	}
}

set_up() {
	step "Set-up"
	[ -r /etc/debian_version ] ||
		fail "this script knows Debian and its kin only" \
			"elsewhere: install what build-aux/packages.debian lists, then autoreconf -i, configure, make"
	install_packages "$@"
	build_all
}

# ---- the daemon ----------------------------------------------------------

daemon_pid=
address=

is_mounted() { grep -qs " $mnt fuse" /proc/self/mounts; }

# Starts the mount with the port on $1 and learns its address and pid from
# the line it prints when ready.
start_on() {
	ttrunksfs "$store" "$mnt" -o "listen=$1" >"$work/ready" 2>&1 || return 1
	daemon_pid=$(grep -oE 'pid [0-9]+' "$work/ready" | grep -oE '[0-9]+')
	address=$(grep -oE '127\.0\.0\.1:[0-9]+' "$work/ready" | tail -n 1)
	export TTRUNKSDB_LISTEN=$address
	echo "$daemon_pid" >"$demo/pid"
}

start_daemon() {
	local wish=${address:-127.0.0.1:8080}
	show "ttrunksfs demo/store demo/mnt -o listen=$wish"
	if ! start_on "$wish"; then
		grep -qi 'in use' "$work/ready" || {
			cat "$work/ready" >&2
			fail "ttrunksfs did not start" "see above; the log is demo/store/LOG"
		}
		say "$wish is taken by another program: using a free port instead"
		start_on 127.0.0.1:0 || {
			cat "$work/ready" >&2
			fail "ttrunksfs did not start" "see above"
		}
	fi
	sed 's/^/     /' "$work/ready"
}

# Waits until process $1 is gone, for at most ten seconds.
await_end() {
	timeout 10 tail --pid="$1" -f /dev/null
}

stop_daemon() {
	show "kill -TERM $daemon_pid"
	kill -TERM "$daemon_pid"
	await_end "$daemon_pid" || fail "the daemon $daemon_pid did not end within 10 s"
	say "it wrote everything, unmounted and left"
}

stop_demo() {
	local pid
	pid=$(cat "$demo/pid" 2>/dev/null || true)
	if [ -n "$pid" ] && grep -qsz ttrunksfs "/proc/$pid/cmdline"; then
		kill -TERM "$pid"
		await_end "$pid" || fail "the daemon $pid did not end within 10 s"
	fi
	if is_mounted; then
		fusermount3 -u "$mnt" || fusermount3 -uz "$mnt"
	fi
	rm -f "$demo/pid"
	say "the demo is unmounted and its daemon has ended; the store stays in demo/store"
}

# ---- the tour ------------------------------------------------------------

# Everything that a copy must carry: type, mode, owner, links, size, time,
# link target, then the contents.
fingerprint() {
	(
		cd "$1"
		find . -type d -printf '%P %y %m %U:%G %T@\n' | LC_ALL=C sort
		find . ! -type d -printf '%P %y %m %U:%G %n %s %T@ %l\n' |
			LC_ALL=C sort
		find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
	)
}

# Copies what the repository tracks, or everything but build results where
# there is no repository.
copy_sources() {
	if git -C "$top" rev-parse --git-dir >/dev/null 2>&1; then
		git -C "$top" ls-files -z | tar -C "$top" --null -T - -cf -
	else
		tar -C "$top" --exclude=./demo --exclude=./build -cf - .
	fi
}

copy_and_compare() { # name source-dir
	local name=$1 from=$2
	fingerprint "$from" >"$work/$name.want"
	rm -rf "${mnt:?}/trees/$name"
	local begin=$EPOCHREALTIME
	cp -a "$from" "$mnt/trees/$name"
	say "cp -a $from demo/mnt/trees/$name: $(find "$from" -type f | wc -l) files, $(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }') s"
	fingerprint "$mnt/trees/$name" >"$work/$name.have"
	cmp -s "$work/$name.want" "$work/$name.have" ||
		fail "the copy of $from differs" \
			"diff $work/$name.want $work/$name.have"
	say "checksums, modes, owners, times and links are the same"
}

tour_mount() {
	step "2. A real tree through the mount"
	mkdir -p "$mnt/trees"
	rm -rf "$work/sources" && mkdir "$work/sources"
	copy_sources | tar -C "$work/sources" -xf -
	if [ -d "$mnt/trees/sources" ]; then
		say "demo/mnt/trees is here from the last run: $(find "$mnt/trees" -type f | wc -l) files; refreshing it"
	fi
	copy_and_compare sources "$work/sources"
	copy_and_compare include /usr/include
}

tour_port() {
	step "3. The same store through the port"
	run ttrunks-datagen -n 5000 -size 128
	local n
	n=$(find "$mnt" -path "$mnt/trees" -prune -o -type f -print | wc -l)
	say "on the mount they are files: $n outside demo/mnt/trees"
	[ "$n" -ge 5000 ] || fail "5,000 records were written, $n files are there"
	show "grep -r 'Grace Hopper' demo/mnt/users | head -n 3"
	grep -r 'Grace Hopper' "$mnt/users" >"$work/found"
	sed "s|^$top/||; s/^/     /" "$work/found" | cut -c1-110 | awk 'NR <= 3'
	say "  … $(wc -l <"$work/found") records of that name"
	show "echo 'written by the shell' > demo/mnt/notes/hello; ttrunks get notes/hello"
	mkdir -p "$mnt/notes"
	echo 'written by the shell' >"$mnt/notes/hello"
	local got
	got=$(ttrunks get notes/hello)
	[ "$got" = 'written by the shell' ] ||
		fail "ttrunks get notes/hello gave '$got'"
	say "  $got"
	ttrunks set notes/answer 'written through the port'
	show "ttrunks set notes/answer 'written through the port'; cat demo/mnt/notes/answer"
	got=$(cat "$mnt/notes/answer")
	[ "$got" = 'written through the port' ] ||
		fail "cat demo/mnt/notes/answer gave '$got'"
	say "  $got"
	run ttrunks scan notes/
}

# Both writers note a name only after the write has returned.
write_files() {
	local i=0
	while printf 'file %d of round %s\n' $i "$1" >"$mnt/crash/files/$1-$i"; do
		echo "$1-$i" >>"$work/files.acked"
		i=$((i + 1))
	done 2>/dev/null
}
write_keys() {
	local i=0
	while ttrunks set "crash/keys/$1-$i" "key $i of round $1" >/dev/null; do
		echo "$1-$i" >>"$work/keys.acked"
		i=$((i + 1))
	done 2>/dev/null
}

tour_crash() {
	step "4. SIGKILL in the middle of writing"
	local round files keys name
	round=$(date +%s)
	: >"$work/files.acked" && : >"$work/keys.acked"
	mkdir -p "$mnt/crash/files"
	write_files "$round" &
	local files_pid=$!
	write_keys "$round" &
	local keys_pid=$!
	sleep 3 # how long it writes; nothing waits for this to be enough
	show "kill -KILL $daemon_pid"
	kill -KILL "$daemon_pid"
	wait $files_pid $keys_pid || true
	files=$(wc -l <"$work/files.acked") keys=$(wc -l <"$work/keys.acked")
	say "acknowledged before it died: $files files through the mount, $keys keys through the port"
	if [ "$files" = 0 ] || [ "$keys" = 0 ]; then
		fail "a writer wrote nothing before the kill"
	fi
	start_daemon
	while read -r name; do
		[ "$(cat "$mnt/crash/files/$name")" = "file ${name#*-} of round $round" ] ||
			fail "crash/files/$name is lost or damaged"
	done <"$work/files.acked"
	while read -r name; do
		[ "$(cat "$mnt/crash/keys/$name")" = "key ${name#*-} of round $round" ] ||
			fail "crash/keys/$name is lost or damaged"
	done <"$work/keys.acked"
	say "after the restart all $((files + keys)) are there, whole"
	rm -rf "$mnt/crash"
}

tour_inspect() {
	step "5. Inside the store"
	stop_daemon
	run ttrunks-fsck check "$store"
	local table
	table=$(find "$store/sst" -name '*.sst' -printf '%T@ %p\n' | sort -n |
		awk 'END { print $2 }')
	[ -n "$table" ] || fail "the store has no table yet"
	show "ttrunks-fsck dump ${table#"$top/"} | head -n 24"
	ttrunks-fsck dump "$table" >"$work/dump"
	awk 'NR <= 24' "$work/dump" | cut -c1-110 | sed 's/^/     /'
	say "  … $(wc -l <"$work/dump") lines in all"
	start_daemon
}

tour_end() {
	step "6. Yours"
	cat <<END
   It stays mounted: demo/mnt, port $address, pid $daemon_pid.

   Go on:    cp -a ~/something demo/mnt/ ; ls -l demo/mnt
             build/ttrunks --connect $address set greetings/me hello
             echo '{"operation":"SCAN","prefix":"notes/"}' | nc -q1 ${address/:/ }
   Stop:     ./quickstart.sh stop
   Read:     README.md (use), ARCHITECTURE.md (how it is built),
             data/README.md (what is on disk), man -l man/ttrunksfs.8
   All tests: ./quickstart.sh check
END
}

tour() {
	[ -c /dev/fuse ] || fail "there is no /dev/fuse here" \
		"load the fuse module, or use the port alone: build/ttrunksd demo/store"
	mkdir -p "$store" "$work"
	# A dead daemon's mount point can't even be looked at: it is mended next.
	mkdir -p "$mnt" 2>/dev/null || true
	if [ -e "$demo/pid" ]; then
		step "0. The demo was running: stopping it first"
		stop_demo
	fi
	step "1. A mount and a port"
	start_daemon
	tour_mount
	tour_port
	tour_crash
	tour_inspect
	tour_end
}

case ${1-} in
'')
	set_up build run
	tour
	;;
check)
	set_up build run test
	step "All tests (make check; details: build/tests/**/*.log)"
	make -C "$build" -s check -j"$(nproc)" >"$build/check.log" 2>&1 || true
	# All that should have run, so that a test that was not built counts too.
	cd "$build"
	read -ra results < <(make -s print-results)
	"$top/build-aux/tally" "${results[@]}"
	;;
stop)
	stop_demo
	;;
*)
	sed -n '4,6s/^# //p' "$0"
	[ "$1" = help ] || [ "$1" = --help ] || exit 2
	;;
esac
