#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Programs as people run them, on a mount with every cache on. Each file of
# apps/ tries one, on a small input, so that the whole stays within a minute
# and a half; what Debian's package is not there for is skipped. TT_APPS="git
# redis" tries only these.
# shellcheck disable=SC2154 # lib.sh sets work, store, mnt, port and others
set -u

. "$TT_SRCDIR/tests/tap.sh"
. "$TT_SRCDIR/tests/mount/lib.sh"
mount_need python3
chmod 755 "$work" # servers that refuse root run as somebody else
mount_up || exit 1
cd "$work" || exit 1

# want PROGRAM NAME FUNCTION: tried where there is such a program, in a
# directory of its own, which the function is given.
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

# remount: an orderly end of the daemon, and another one. Not for tap_run,
# which would lose $daemon.
remount() {
	if mount_again >"$work/again" 2>&1; then
		tap_ok "the daemon ends and starts again after $1"
	else
		tap_not_ok "the daemon ends and starts again after $1" \
			"$(cat "$work/again")"
		exit 1
	fi
}

# kill_daemon: SIGKILL, while whoever uses the mount does so.
kill_daemon() {
	kill -KILL "$daemon"
	mount_wait_dead
}

# wait_until SECONDS COMMAND...: until it succeeds.
wait_until() {
	local tries=$(($1 * 20))
	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.05
	done
}

input=/usr/include/linux
[ -d $input ] || input=$TT_SRCDIR/src

for app in ${TT_APPS:-coreutils git make sqlite tar rsync editors redis \
	postgres}; do
	began=$SECONDS
	. "$mount_scripts/apps/$app.sh"
	tap_comment "$app took $((SECONDS - began)) s"
	cd "$work" || exit 1
done

mount_down || tap_not_ok 'the daemon ends'
tap_run 'the store checks clean after all of them' ttrunks-fsck check "$store"
tap_done
