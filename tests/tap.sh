# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# The Test Anything Protocol for shell tests. Source it, report each
# behaviour once, end with tap_done:
#
#     . "$TT_SRCDIR/tests/tap.sh"
#     tap_run 'a name with a newline is refused' refuses_newline
#     tap_done

tap_count=0
tap_failed=0

# tap_ok NAME: the behaviour holds.
tap_ok() {
	tap_count=$((tap_count + 1))
	printf 'ok %d - %s\n' "$tap_count" "$1"
}

# tap_not_ok NAME [DETAIL...]: it does not; each DETAIL is shown.
tap_not_ok() {
	tap_count=$((tap_count + 1))
	tap_failed=$((tap_failed + 1))
	printf 'not ok %d - %s\n' "$tap_count" "$1"
	shift
	[ $# -eq 0 ] || printf '%s\n' "$@" | sed 's/^/# /'
}

# tap_skip NAME WHY: it cannot be tried here.
tap_skip() {
	tap_count=$((tap_count + 1))
	printf 'ok %d - %s # SKIP %s\n' "$tap_count" "$1" "$2"
}

# tap_skip_all WHY: nothing of this file can be tried here. Exits.
tap_skip_all() {
	printf '1..0 # SKIP %s\n' "$1"
	exit 0
}

# tap_comment TEXT...: for the log only.
tap_comment() {
	printf '%s\n' "$@" | sed 's/^/# /'
}

# tap_run NAME COMMAND [ARG...]: ok where COMMAND succeeds, otherwise not ok
# with the last of what it printed.
tap_run() {
	local name=$1 output
	shift
	if output=$("$@" 2>&1); then
		tap_ok "$name"
	else
		tap_not_ok "$name" "$(printf '%s\n' "$output" | tail -n 40)"
	fi
}

# tap_is NAME ACTUAL EXPECTED: ok where the two strings are the same.
tap_is() {
	if [ "$2" = "$3" ]; then
		tap_ok "$1"
	else
		tap_not_ok "$1" "got:      $2" "expected: $3"
	fi
}

# tap_done: the plan, last. Every script ends with it. Exits 0: the results
# have been told, and the harness counts another status as one more failure.
tap_done() {
	printf '1..%d\n' "$tap_count"
	[ $tap_failed -eq 0 ] || printf '# %d failed\n' $tap_failed
	exit 0
}
