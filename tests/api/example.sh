#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The example program does what it says.
set -u

. "$TT_SRCDIR/tests/tap.sh"

store=$(mktemp -d "${TMPDIR:-/tmp}/ttrunks-example.XXXXXX") || exit 1
trap 'rm -rf "$store"' EXIT

want='home:
  1: water the plants
  2: call about the roof
work:
  2: call about the roof
home, after a mistake:
  2: call about the roof
home, as it was:
  1: water the plants
  2: call about the roof
home, again:
  1: water the plants
  2: call about the roof'

for run in first second; do
	got=$("$TT_BUILDDIR/data/examples/notes" "$store/notes" 2>&1)
	tap_is "notes: the $run run ends well" $? 0
	tap_is "notes: the $run run shows what it should" "$got" "$want"
done
tap_done
