#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The linter shellcheck has nothing to say against any shell script.
set -u

. "$TT_SRCDIR/tests/tap.sh"
. "$TT_SRCDIR/tests/lint/rules.sh"
cd "$TT_SRCDIR" || exit 1

command -v shellcheck >/dev/null || tap_skip_all 'shellcheck is not installed'

while read -r script; do
	tap_run "$script is clean" rule_shell "$script"
done < <(shell_scripts)
tap_done
