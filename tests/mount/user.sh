#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Mounted by a plain user, through fusermount3. Run by root it becomes one, in
# a mount name space of its own where /dev/fuse is open to all.
# shellcheck disable=SC2154 # lib.sh sets work, store, mnt, port and others
set -u

. "$TT_SRCDIR/tests/tap.sh"
. "$TT_SRCDIR/tests/mount/lib.sh"

# become_user: as root, starts this script again as nobody.
become_user() {
	local device
	device=$(mktemp -u "${TMPDIR:-/tmp}/tt-fuse.XXXXXX") || return 1
	# shellcheck disable=SC2016 # expanded by the inner shell
	unshare --mount bash -c '
		mknod -m 666 "$1" c 10 229 && mount --bind "$1" /dev/fuse || exit
		rm -f "$1"
		exec setpriv --reuid=65534 --regid=65534 --clear-groups \
			env TT_IS_USER=1 HOME=/ bash "$2"' - "$device" "$0"
}

if [ "$(id -u)" = 0 ] && [ -z "${TT_IS_USER:-}" ]; then
	[ -n "${TT_HAVE_FUSE:-}" ] || tap_skip_all "$TT_NO_FUSE_WHY"
	for program in unshare setpriv fusermount3 python3; do
		command -v $program >/dev/null ||
			tap_skip_all "$program is not installed"
	done
	# By their paths: PATH may lead to another ttrunksfs that can be read.
	# shellcheck disable=SC2016 # expanded by the inner shell
	setpriv --reuid=65534 --regid=65534 --clear-groups sh -c \
		'"$1" --version && test -r "$2"' - \
		"$TT_BUILDDIR/ttrunksfs" "$0" >/dev/null 2>&1 ||
		tap_skip_all 'a plain user cannot read the build directory'
	unshare --mount true 2>/dev/null ||
		tap_skip_all 'no mount name space of our own here'
	become_user
	exit 0
fi

mount_need python3 fusermount3
mount_up || tap_skip_all 'a plain user cannot mount here'

if findmnt -n -o OPTIONS "$mnt" | grep -q allow_other; then
	tap_not_ok 'a plain user does not let others in'
else
	tap_ok 'a plain user does not let others in'
fi
echo kept >"$mnt/f"
tap_run 'fusermount3 -u unmounts' fusermount3 -u "$mnt"
tap_run '... and the daemon ends' mount_wait_gone
mount_up || exit 1
tap_is 'what was written is there' "$(cat "$mnt/f")" kept
tap_run 'SIGTERM unmounts' mount_down
mount_up || exit 1
exec 7>"$mnt/open"
tap_run 'also what is in use' mount_down
exec 7>&-
mount_up || exit 1
kill -KILL "$daemon"
tail --pid="$daemon" -f /dev/null
mount_up || exit 1
tap_run 'a stale mount is removed' grep -q kept "$mnt/f"

# The same behaviour as root's, where the user may.
failed=$(python3 "$mount_scripts/posix.py" "$mnt" | tee "$work/posix" |
	grep -v '^ok\|^1\.\.')
if grep -q '^1\.\.' "$work/posix" && ! grep -q '^not ok' "$work/posix"; then
	tap_ok 'files behave'
else
	tap_not_ok 'files behave' "$failed"
fi
mount_down || echo 'Bail out! the daemon did not end'
tap_done
