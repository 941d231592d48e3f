#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What POSIX promises, on a mount with every cache on. The tests themselves
# are in posix.py and hold on any Linux file system.
# shellcheck disable=SC2154 # lib.sh sets work, store, mnt, port and others
set -u

. "$TT_SRCDIR/tests/tap.sh"
. "$TT_SRCDIR/tests/mount/lib.sh"
mount_need python3
mount_up || exit 1
chmod 755 "$work"

python3 "$mount_scripts/posix.py" "$mnt"
# Read by nobody: its failure would leave no trace otherwise.
mount_down || echo 'Bail out! the daemon did not end'
