#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Who starts and ends mounts on a machine: mount(8) with its table of mounts,
# umount(8), systemd.
# shellcheck disable=SC2154 # lib.sh sets work, store, mnt, port and others
set -u

. "$TT_SRCDIR/tests/tap.sh"
. "$TT_SRCDIR/tests/mount/lib.sh"
mount_need python3 mountpoint

unit="$work/ttrunksfs@test.service"
sed "s#@bindir@#$TT_BUILDDIR#" "$TT_SRCDIR/data/ttrunksfs@.service.in" >"$unit"

verified() {
	local said
	said=$(systemd-analyze verify --man=no "$unit" 2>&1)
	printf '%s\n' "$said"
	# others' units, which it reads too, are not ours to judge
	! printf '%s\n' "$said" | grep -F "ttrunksfs@test"
}

# as_unit HOW: the unit's commands in order, as systemd runs them.
as_unit() {
	python3 - "$unit" "$store" "$mnt" "$work/notify" "$1" <<'P'
import os, shlex, signal, socket, subprocess, sys
unit, store, mnt, path, how = sys.argv[1:]
lines = [line.strip().split("=", 1) for line in open(unit) if "=" in line]
assert ["Type", "notify"] in lines
paths = {"/var/lib/ttrunksdb/%i": store, "/srv/%i": mnt}

def command(text):
    return [paths.get(w, w) for w in shlex.split(text)] + ["-o", "no_port"] * (
        "ttrunksfs" in text)

for name, text in lines:
    if name != "ExecStartPre":
        continue
    words = [paths.get(w, w) for w in shlex.split(text.lstrip("-"))]
    status = subprocess.call(words)
    assert status == 0 or text.startswith("-"), (text, status)
if os.path.exists(path):
    os.unlink(path)
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(path)
s.settimeout(20)
p = subprocess.Popen(command(dict(lines)["ExecStart"]),
                     env=dict(os.environ, NOTIFY_SOCKET=path))
assert s.recv(100) == b"READY=1"
assert os.path.ismount(mnt)
open(f"{mnt}/{how}", "w").close()
if how == "dies":
    p.kill()
    p.wait(20)
else:
    p.send_signal(signal.SIGTERM)
    assert s.recv(100) == b"STOPPING=1"
    assert p.wait(20) == 0
    assert not os.path.ismount(mnt)
    assert sorted(os.listdir(mnt)) == []
P
}

if command -v systemd-analyze >/dev/null; then
	tap_run 'systemd has nothing to say against the unit' verified
else
	tap_skip 'systemd has nothing to say against the unit' \
		'systemd-analyze is not installed'
fi
tap_run 'the unit starts the mount, says so, and ends it' as_unit ends
tap_run 'its daemon dies' as_unit dies
tap_run '... and the unit starts it again over the stale mount' as_unit again

mount_up || exit 1
tap_run 'what was done under the unit is there' \
	test -e "$mnt/dies" -a -e "$mnt/again"
exec 7>"$mnt/open"
umount "$mnt" 2>/dev/null
tap_is 'umount refuses a mount in use' "$?" 32
echo more >&7
exec 7>&-
tap_is '... which goes on' "$(cat "$mnt/open")" more
tap_run '... and umount ends it when it is not' \
	bash -c "umount '$mnt' && tail --pid=$daemon -f /dev/null"
daemon=

# helped COMMAND...: where mount(8) finds the program as if it were installed.
# Its helper looks on the PATH of a system; so one folder of that is ours, in
# a name space of mounts that nobody else sees.
helped() {
	unshare -m --propagation private bash -c '
		mount -t tmpfs none /usr/local/sbin &&
		ln -s "$0/ttrunksfs" /usr/local/sbin/ || exit
		trap "umount -l \"$1\" 2>/dev/null" EXIT
		mkdir -p "$1"; shift
		"$@"' "$TT_BUILDDIR" "$@"
}

# unmounted PATH: and the daemon, of whose start "ready" tells, has let go of
# the store, which it does a little later than umount returns.
unmounted() {
	local pid
	pid=$(sed -n 's/.*pid //p' "$work/ready")
	umount "$1" && timeout 30 tail --pid="$pid" -f /dev/null
}

mounts_by_type() {
	mount -t fuse.ttrunksfs "$store" "$mnt" -o no_port,noatime,ro \
		>"$work/ready" &&
		findmnt -n -o FSTYPE "$mnt" | grep -qx fuse.ttrunksfs &&
		findmnt -n -o OPTIONS "$mnt" | grep -qE '(^|,)ro,(.*,)?noatime' &&
		[ -e "$mnt/dies" ] && unmounted "$mnt"
}

mounts_by_table() {
	printf '%s %s fuse.ttrunksfs %s 0 0\n' "$store" "$1" \
		listen=127.0.0.1:0,memory=64M,_netdev,nofail,x-test >"$work/fstab"
	mount -T "$work/fstab" -a >"$work/ready" && echo kept >"$2/by-table" &&
		unmounted "$2" && ! [ -e "$2/by-table" ] &&
		mount -T "$work/fstab" "$2" >"$work/ready" &&
		grep -q kept "$2/by-table" && unmounted "$2"
}

export store mnt work
export -f unmounted mounts_by_type mounts_by_table
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
	tap_run 'mount -t fuse.ttrunksfs mounts, umount unmounts' \
		helped "$mnt" mounts_by_type
	tap_run 'a line of fstab does' \
		helped "$mnt" mounts_by_table "$mnt" "$mnt"
	tap_run '... also with a space in its path' \
		helped "$work/a b" mounts_by_table "$work/a\\040b" "$work/a b"
else
	tap_skip 'mount -t fuse.ttrunksfs' 'needs root and name spaces'
fi
tap_run 'the store checks clean' ttrunks-fsck check "$store"
tap_done
