#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Starting and ending: options, errors, signals, stale mounts, systemd.
# shellcheck disable=SC2154 # lib.sh sets work, store, mnt, port and others
set -u

. "$TT_SRCDIR/tests/tap.sh"
. "$TT_SRCDIR/tests/mount/lib.sh"
mount_need python3 mountpoint

# refuses WORDS ARG...: the program fails with one line that has the words.
refuses() {
	local words=$1 status
	shift
	timeout 20 ttrunksfs "$@" >"$work/out" 2>"$work/err"
	status=$?
	cat "$work/out" "$work/err"
	if mountpoint -q "$mnt" && [ -z "${daemon:-}" ]; then
		echo 'it left a mount'
		umount -l "$mnt"
		return 1
	fi
	[ $status -ne 0 ] && [ $status -lt 124 ] &&
		[ "$(wc -l <"$work/err")" -eq 1 ] &&
		grep -q '^ttrunksfs: ' "$work/err" &&
		grep -q -- "$words" "$work/err"
}

says_help() {
	ttrunksfs --help | grep -q 'Usage: ttrunksfs' &&
		ttrunksfs --help | grep -q -- --memory &&
		ttrunksfs --version | grep -q ttrunks
}

usage_is_2() {
	ttrunksfs "$@" 2>/dev/null
	[ $? -eq 2 ]
}

tap_run 'help and version are shown' says_help
tap_run 'no arguments are refused' refuses 'STORE and MOUNTPOINT'
tap_run 'a usage error is status 2' usage_is_2 --nonsense
tap_run 'an unknown option names its neighbour' \
	refuses 'memory' "$store" "$mnt" -o memery=64M
tap_run 'a value out of range names the range' \
	refuses 'memory' "$store" "$mnt" -o memory=1k
tap_run 'a missing mount point is named' \
	refuses 'mkdir -p' "$store" "$work/missing"
: >"$work/file"
tap_run 'a mount point that is a file is refused' \
	refuses 'not a directory' "$store" "$work/file"
mkdir "$work/foreign"
echo precious >"$work/foreign/data"
tap_run 'a directory of something else is no store' \
	refuses "$work/foreign" "$work/foreign" "$mnt"
tap_is '... and is left alone' "$(ls "$work/foreign")" data
mkdir "$mnt/inside"
tap_run 'a store inside the mount point is refused' \
	refuses 'inside the mount point' "$mnt/inside" "$mnt"
rmdir "$mnt/inside"
tap_run 'a configuration file with a bad line is named with it' \
	bash -c ". $TT_SRCDIR/tests/tap.sh; echo 'memory = lots' >$work/bad.conf
	timeout 20 ttrunksfs --config=$work/bad.conf $store $mnt 2>&1 |
	grep 'bad.conf:1.*memory'"
tap_run 'a configuration file that is missing is named' \
	refuses "$work/none.conf" --config="$work/none.conf" "$store" "$mnt"

# One daemon stays up for what follows.
mount_up || exit 1
tap_run 'the mount answers as soon as the program returns' ls "$mnt"
tap_run 'the ready line names store, mount point, port and pid' grep -qE \
	"^ttrunksfs: $store mounted on $mnt, port 127.0.0.1:[0-9]+, pid [0-9]+" \
	"$work/ready"
mkdir "$work/other"
tap_run 'a store that is open is refused' refuses 'stop that one' \
	"$store" "$work/other" -o no_port
tap_run 'a mount point in use is refused' refuses 'mount point already' \
	"$work/store2" "$mnt" -o no_port
tap_run 'a busy port is refused, and leaves no mount' refuses 'no_port' \
	"$work/store2" "$work/other" -o "listen=127.0.0.1:$port"
tap_run '... and can be had without a port' \
	ttrunksfs "$work/store2" "$work/other" -o no_port
tap_run 'umount ends the daemon' umount "$work/other"

echo kept >"$mnt/f"
mkdir "$mnt/numbered"
ln "$mnt/f" "$mnt/numbered/link"
numbers=$(stat -c %i "$mnt/f" "$mnt/numbered" "$mnt/numbered/link")
tap_run 'SIGTERM unmounts and ends' mount_down
mount_up || exit 1
tap_run 'what was written is there again' grep -q kept "$mnt/f"
tap_is 'inode numbers are what they were' \
	"$(stat -c %i "$mnt/f" "$mnt/numbered" "$mnt/numbered/link")" \
	"$numbers"

# close_to N N: they differ by less than a twentieth; others use the disk too.
close_to() {
	local more=$(($1 > $2 ? $1 - $2 : $2 - $1))
	echo "$1 and $2"
	[ $more -lt $(($1 / 20)) ]
}
tap_run 'df tells the free space of the disk below' close_to \
	"$(df -k --output=avail "$mnt" | tail -n 1)" \
	"$(df -k --output=avail "$store" | tail -n 1)"

interrupted() {
	kill -INT "$daemon" && mount_wait_gone
}
tap_run 'SIGINT unmounts too' interrupted

mount_up || exit 1
exec 7>"$mnt/open"
tap_run 'a mount in use is taken away all the same' mount_down
exec 7>&-

mount_up -o fsname=a\\,name,subtype= || exit 1
tap_is 'fsname and an empty subtype are honoured' \
	"$(findmnt -n -o SOURCE,FSTYPE "$mnt" | tr -s ' ')" 'a,name fuse'
mount_down

# Where io_uring cannot be had, it is done without.
mount_up -o io_uring || exit 1
echo ring >"$mnt/ring"
tap_is 'io_uring mounts' "$(cat "$mnt/ring")" ring
mount_down

# What the kernel has not sent yet is data all the same, for cp among others.
mount_up -o writeback || exit 1
tap_run 'writeback takes nothing that was written for a hole' python3 -c "
import os
fd = os.open('$mnt/wb', os.O_RDWR | os.O_CREAT)
os.ftruncate(fd, 1 << 20)
os.pwrite(fd, b'data', 500_000)
assert os.lseek(fd, 0, os.SEEK_DATA) <= 500_000"
mount_down

# The past: what was overwritten and removed is there again, read-only.
mount_up -o retention=1h || exit 1
echo old >"$mnt/past"
echo here >"$mnt/removed"
version=$(port_ask '{"operation": "STAT", "key": "removed"}' |
	python3 -c 'import json, sys; print(json.load(sys.stdin)["version"])')
echo new >"$mnt/past"
rm "$mnt/removed"
echo x >"$mnt/later"
mount_again -o as_of="$version" || exit 1
tap_is 'as_of shows what was' \
	"$(cd "$mnt" && cat past removed && find . -name later)" \
	$'old\nhere'
tap_is '... and lets nothing be changed' \
	"$( (touch "$mnt/past"; rm "$mnt/removed") 2>&1 |
		grep -c Read-only)" 2
tap_run '... through the port neither' bash -c \
	"$(declare -f port_ask); mount_scripts=$mount_scripts port=$port
	port_ask '{\"operation\": \"SET\", \"key\": \"a\", \"value\": \"b\"}' |
		grep READ_ONLY"
mount_down
tap_run 'as_of wants a time' refuses 'is no time' "$store" "$mnt" \
	-o as_of=yesterday
tap_run 'as_of of what is not kept is refused' refuses 'retention' "$store" \
	"$mnt" -o as_of=2001-01-01
tap_run 'as_of makes no store' refuses 'none' "$work/none" "$mnt" -o as_of=1h
tap_run '... really' [ ! -e "$work/none" ]
mount_up || exit 1
tap_is 'the present is as it was left' "$(cat "$mnt/past")" new
mount_down

if [ "$(id -u)" = 0 ]; then
	mount_up -o rw,relatime,_netdev,noauto,x-systemd.automount,user,nofail ||
		exit 1
	tap_ok "options of mount(8) are accepted"
	touch "$mnt/a"
	mount_down
	mount_up -o ro || exit 1
	tap_is 'ro is read-only' "$(touch "$mnt/b" 2>&1 | grep -c Read-only)" 1
	tap_run 'remount makes it writable' bash -c \
		"ttrunksfs $store $mnt -o remount,rw && touch $mnt/b"
	tap_run 'others may enter, and are checked' bash -c \
		"chmod 755 $work; echo s >$mnt/secret; chmod 600 $mnt/secret
		setpriv --reuid=1234 --regid=1234 --clear-groups ls $mnt &&
		! setpriv --reuid=1234 --regid=1234 --clear-groups \
			cat $mnt/secret 2>/dev/null"
	mount_down
	mount_up -o allow_other=no || exit 1
	tap_run 'without allow_other they may not' bash -c \
		"! setpriv --reuid=1234 --regid=1234 --clear-groups \
			ls $mnt 2>/dev/null"
	mount_down
	# accessed OPTIONS: whether a first read moves the time of an old file.
	accessed() {
		mount_up -o "$1" || return
		touch -d 2001-01-01 "$mnt/read"
		mount_again -o "$1" || return # so that nothing is cached
		cat "$mnt/read" && ls "$mnt" >/dev/null
		stat -c %x "$mnt/read" | cut -c 1-4
		mount_down
	}
	echo contents >"$store.read"
	mount_up && cp "$store.read" "$mnt/read" && mount_down
	tap_is 'reading moves no access time' "$(accessed rw)" $'contents\n2001'
	tap_is 'with relatime it does' \
		"$(accessed relatime | tail -n 1)" "$(date +%Y)"
	tap_is '... not with a noatime behind it' \
		"$(accessed relatime,noatime | tail -n 1)" 2001

	mount_up -o uid=1234,gid=77,umask=027 || exit 1
	(umask 0; mkdir "$mnt/squash"; : >"$mnt/squash/f")
	tap_is 'uid, gid and umask are what is shown' \
		"$(stat -c '%u %g %a' "$mnt/squash/f" "$mnt/f" | uniq)" \
		'1234 77 750'
	tap_run '... and decide who may what' bash -c \
		"setpriv --reuid=1234 --regid=1 --clear-groups \
			touch $mnt/squash/mine &&
		! setpriv --reuid=1235 --regid=1 --clear-groups \
			ls $mnt/squash 2>/dev/null"
	chmod 600 "$mnt/squash/mine"
	chown 5:6 "$mnt/f"
	mount_again || exit 1
	tap_is 'what is made belongs to them, chmod and chown are stored' \
		"$(stat -c '%u %g %a' "$mnt/squash/f" "$mnt/squash/mine" \
			"$mnt/f" | tr '\n' ,)" \
		'1234 77 666,1234 77 600,5 6 644,'
	mount_down
	tap_run 'a umask is octal' refuses 'no octal number' "$store" "$mnt" \
		-o umask=888
	mount_up || exit 1
	python3 - "$mnt/acl" <<-'P'
	import os, sys
	acl = bytes.fromhex("02000000" "01000700ffffffff" "02000700d2040000"
	                    "04000500ffffffff" "10000700ffffffff"
	                    "20000000ffffffff")
	os.mkdir(sys.argv[1])
	os.setxattr(sys.argv[1], "system.posix_acl_default", acl)
	os.setxattr(sys.argv[1], "user.other", b"x")
	P
	mount_again -o acl=no || exit 1
	tap_is 'acl=no shows no ACLs' "$(python3 -c "import os
print(os.listxattr('$mnt/acl'))
try:
    os.getxattr('$mnt/acl', 'system.posix_acl_default')
except OSError as e:
    print(e.errno)" | tr '\n' ' ')" "['user.other'] 95 "
	: >"$mnt/acl/f"
	mount_again || exit 1
	tap_run '... but they are inherited' python3 -c "import os
assert 'system.posix_acl_access' in os.listxattr('$mnt/acl/f')"
	mount_down
	tap_run 'mount(8) mounts' mount -t fuse \
		"$(command -v ttrunksfs)#$store" "$mnt" -o no_port,noatime
	tap_run '... and umount unmounts' umount "$mnt"

	# By its type, as fstab has it. mount(8) looks for the program in
	# directories of the system only, so one of them is ours for a moment.
	by_type() {
		# shellcheck disable=SC2016 # expanded by the inner shell
		unshare --mount bash -euc '
		program=$(command -v ttrunksfs)
		mount -t tmpfs none /usr/local/bin
		ln -s "$program" /usr/local/bin/
		said=$(mount -t fuse.ttrunksfs "$1" "$2" -o no_port)
		findmnt -n -o FSTYPE "$2" | grep -x fuse.ttrunksfs
		umount "$2"
		while kill -0 "${said##* }" 2>/dev/null; do sleep 0.05; done
		echo "$1 $2 fuse.ttrunksfs no_port,_netdev,nofail 0 0" >"$3"
		mount -T "$3" "$2"
		mount -T "$3" -o remount,ro "$2"
		! touch "$2/x" 2>/dev/null
		mount -o remount,rw "$2"
		touch "$2/x"
		umount "$2"' - "$store" "$mnt" "$work/fstab"
	}
	if unshare --mount true 2>/dev/null && command -v mount.fuse3; then
		tap_run 'mount(8) mounts by type, by fstab, and remounts' \
			by_type
	else
		tap_skip 'mount(8) by type' 'no name space or mount.fuse3'
	fi
else
	tap_skip 'options of root' 'needs root'
fi

# up_again: umount(8) returns before the daemon has closed the store.
up_again() {
	local tries=0
	until mount_up >"$work/out"; do
		tries=$((tries + 1))
		if [ $tries -eq 100 ] ||
			! grep -q 'stop that one' "$work/errors"; then
			cat "$work/out"
			return 1
		fi
		sleep 0.05
	done
}

# A daemon that dies leaves a mount behind; the next one takes it away.
up_again || exit 1
kill -KILL "$daemon"
tail --pid="$daemon" -f /dev/null
daemon=
tap_is 'a dead daemon leaves a stale mount' \
	"$(stat "$mnt" 2>&1 | grep -c 'not connected')" 1
mount_up || exit 1
tap_run 'the next one says that it removed it' grep -q 'has died' "$work/errors"
tap_run '... and everything is there' grep -q kept "$mnt/f"
mount_down

notified() {
	python3 - "$work/notify" "$store" "$mnt" <<'P'
import os, signal, socket, subprocess, sys
path, store, mnt = sys.argv[1:]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(path)
s.settimeout(20)
p = subprocess.Popen(["ttrunksfs", "-f", store, mnt, "-o", "no_port"],
                     env=dict(os.environ, NOTIFY_SOCKET=path))
assert s.recv(100) == b"READY=1"
os.listdir(mnt)
p.send_signal(signal.SIGTERM)
assert s.recv(100) == b"STOPPING=1"
assert p.wait(20) == 0
P
}
tap_run 'systemd is told of start and end; -f stays in the foreground' notified

configured() {
	printf '%s\n' 'listen = off' 'memory = 64M' >"$store/ttrunks.conf" &&
		ttrunksfs "$store" "$mnt" >"$work/ready" &&
		grep -q 'no port' "$work/ready" && umount "$mnt" &&
		rm "$store/ttrunks.conf"
}
tap_run 'settings come from the ttrunks.conf of the store' configured
up_again && mount_down
tap_run 'the store may come from the environment' env \
	TTRUNKSDB_DATA_DIR="$store" TTRUNKSDB_LISTEN=off ttrunksfs "$mnt"
tap_run '... and is the one named' grep -q kept "$mnt/f"
tap_done
