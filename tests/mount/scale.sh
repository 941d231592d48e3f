#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What must not grow with size, on a mount. The sizes here are small, so that
# it runs with the others; by hand, in the build folder:
#
#     make check TESTS=tests/mount/scale.sh TEST_TIMEOUT=7200 \
#         TT_SCALE_ENTRIES=1000000 TT_SCALE_FILES=1000000 \
#         TT_SCALE_WRITE_MIB=4096 TT_SCALE_SPARSE_GIB=100 \
#         TT_SCALE_MEMORY=256M
#
# and the figures are in tests/mount/scale.log.
# shellcheck disable=SC2154 # lib.sh sets work, store, mnt, port and others
set -u

. "$TT_SRCDIR/tests/tap.sh"
. "$TT_SRCDIR/tests/mount/lib.sh"
mount_need python3
export TT_SCALE_ENTRIES=${TT_SCALE_ENTRIES:-20000}
export TT_SCALE_FILES=${TT_SCALE_FILES:-5000}
export TT_SCALE_WRITE_MIB=${TT_SCALE_WRITE_MIB:-64}
export TT_SCALE_SPARSE_GIB=${TT_SCALE_SPARSE_GIB:-100}

# port_stat NAME: a counter.
port_stat() {
	python3 -c 'import sys; sys.path.insert(0, sys.argv[1])
from port import Port
print(Port(sys.argv[2]).stats().get(sys.argv[3], 0))' \
		"$mount_scripts" "$port" "$1"
}

# grows NAME TEST: its figures are shown whatever comes out.
grows() {
	if python3 "$mount_scripts/scale.py" "$mnt" "$daemon" \
		"$port" "$2" \
		>"$work/figures" 2>&1; then
		tap_ok "$1"
	else
		tap_not_ok "$1"
	fi
	sed 's/^/# /' "$work/figures"
}

# so little that it matters here too
export TT_SCALE_MEMORY=${TT_SCALE_MEMORY:-16M}
mount_up -o "memory=$TT_SCALE_MEMORY" || exit 1
grows "a directory of $TT_SCALE_ENTRIES is as fast as a small one" directory
if [ "$(port_stat fuse.notices.pruned)" -gt 0 ]; then
	tap_ok 'the kernel was asked to forget files'
else
	tap_skip 'the kernel was asked to forget files' \
		'it cannot be, before Linux 6.18'
fi
grows "$TT_SCALE_FILES small files are written, walked and read" many
grows "$TT_SCALE_SPARSE_GIB GiB of holes, $TT_SCALE_WRITE_MIB MiB of data" big
tap_run 'the daemon ends' mount_down
tap_run 'and the store checks clean' ttrunks-fsck check "$store"
tap_comment "the store takes $(du -sm "$store" | cut -f1) MiB"
tap_done
