#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Every program has a man page, and man has nothing to say against any.
set -u

. "$TT_SRCDIR/tests/tap.sh"
. "$TT_SRCDIR/tests/lint/rules.sh"
cd "$TT_SRCDIR" || exit 1

command -v man >/dev/null || tap_skip_all 'man is not installed'

for page in ttrunks.1 ttrunks-datagen.1 ttrunksfs.8 ttrunksd.8 ttrunks-fsck.8 \
	ttrunks-backup.8 ttrunks.conf.5 libttrunks.3; do
	tap_run "there is a $page" test -s "man/$page"
done
shopt -s nullglob
for page in man/*.[1-8]; do
	findings=$(rule_man "$page")
	tap_is "$page is clean" "$findings" ''
done
tap_done
