#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Requests per operation on a mount for root alone, without extended
# attributes: nothing is asked that a mount can do without.
# shellcheck disable=SC2154 # lib.sh sets work, store, mnt, port and others
set -u

. "$TT_SRCDIR/tests/tap.sh"
. "$TT_SRCDIR/tests/mount/lib.sh"
mount_need python3
mount_up -o allow_other=no,default_permissions=no,no_xattr || exit 1

python3 "$mount_scripts/requests.py" "$mnt" "$port" least
mount_down || echo 'Bail out! the daemon did not end'
