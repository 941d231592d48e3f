#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Holds the sources to the rules of layers, names and sizes. What each rule
# says is in c_rules.awk and rules.sh; CONTRIBUTING.md says why.
set -u

. "$TT_SRCDIR/tests/tap.sh"
. "$TT_SRCDIR/tests/lint/rules.sh"
cd "$TT_SRCDIR" || exit 1

findings=$(rule_c)

# expect_none NAME FINDINGS
expect_none() {
	if [ -z "$2" ]; then
		tap_ok "$1"
	else
		tap_not_ok "$1" "$2"
	fi
}

# of_rule RULE: the findings of c_rules.awk under this name.
of_rule() {
	printf '%s\n' "$findings" | sed -n "s/^$1 //p"
}

expect_none 'includes point down the layers' "$(of_rule include)"
expect_none 'no banned function is called' "$(of_rule banned)"
expect_none 'no file is over 900 lines' "$(of_rule length)"
expect_none 'no function is over 100 lines' "$(of_rule function)"
expect_none 'every folder of product code has a README.md' "$(rule_readme)"
expect_none 'every file is listed in a local.mk' "$(rule_listed)"
expect_none 'links in Markdown files lead somewhere' "$(rule_links)"

long=$(of_rule warn-length)
[ -z "$long" ] || tap_comment 'over 600 lines:' "$long"
tap_done
