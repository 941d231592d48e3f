# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What every test of the mount needs: a fresh store, a mount of it, and the
# certainty that both are gone afterwards. Source it after tap.sh.
#
#     mount_need python3
#     mount_up                      # $mnt is mounted, $port answers
#     tap_run 'a file is copied' cp /etc/passwd "$mnt/"
#     tap_done

mount_scripts=$TT_SRCDIR/tests/mount

# mount_need PROGRAM...: skips the whole file where FUSE or one is missing.
mount_need() {
	local program
	[ -n "${TT_HAVE_FUSE:-}" ] || tap_skip_all "$TT_NO_FUSE_WHY"
	for program; do
		command -v "$program" >/dev/null ||
			tap_skip_all "$program is not installed"
	done
	work=$(mktemp -d "${TMPDIR:-/tmp}/tt-mount.XXXXXX") || exit 1
	store=$work/store
	mnt=$work/mnt
	mkdir "$mnt"
	trap mount_clean EXIT
	trap 'exit 1' HUP INT TERM
}

mount_clean() {
	cd / || exit 1
	[ -z "${daemon:-}" ] || kill -KILL "$daemon" 2>/dev/null
	awk -v work="$work/" 'index($2, work) == 1 { print $2 }' /proc/mounts |
		while read -r left; do
			umount -l "$left" 2>/dev/null ||
				fusermount3 -uqz "$left" 2>/dev/null
		done
	rm -rf "$work"
}

# mount_up [OPTION...]: starts a daemon over $store on $mnt; sets $daemon and
# $port. Fails, having shown why, when it does not come up.
mount_up() {
	local line
	if ! ttrunksfs "$store" "$mnt" -o listen=127.0.0.1:0 "$@" \
		>"$work/ready" 2>"$work/errors"; then
		sed 's/^/# /' "$work/errors"
		return 1
	fi
	line=$(cat "$work/ready")
	daemon=${line##*pid }
	port=${line##*port 127.0.0.1:}
	port=${port%%,*}
	export port
}

# mount_wait_gone: waits until the daemon has ended and its mount with it.
mount_wait_gone() {
	local tries=0
	while kill -0 "$daemon" 2>/dev/null; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || return 1
		sleep 0.05
	done
	daemon=
	! mountpoint -q "$mnt"
}

# mount_wait_dead: waits until a daemon that was killed has ended. Its mount
# stays, for the next daemon to take away.
mount_wait_dead() {
	timeout 30 tail --pid="$daemon" -f /dev/null
	daemon=
}

# mount_down: the ordinary end.
mount_down() {
	kill -TERM "$daemon" && mount_wait_gone
}

# mount_again [OPTION...]: what is stored must be there after it.
mount_again() {
	mount_down && mount_up "$@"
}

# port_ask JSON: one request, its answer on standard output.
port_ask() {
	python3 "$mount_scripts/port.py" "$port" "$1"
}
