#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Every C file is laid out as clang-format 14 lays it out; other versions
# differ in details, so only that one decides.
set -u

. "$TT_SRCDIR/tests/tap.sh"
. "$TT_SRCDIR/tests/lint/rules.sh"
cd "$TT_SRCDIR" || exit 1

formatter=$(find_formatter) ||
	tap_skip_all 'clang-format 14 is not installed'

# One test a folder, the public headers in src itself included.
for dir in $(rule_sources | sed 's|/[^/]*$||' | sort -u); do
	files=$(rule_sources | grep "^$dir/[^/]*\$")
	output=$(printf '%s\n' "$files" | xargs "$formatter" --dry-run -Werror 2>&1)
	if [ -z "$output" ]; then
		tap_ok "$dir is formatted"
	else
		tap_not_ok "$dir is formatted" \
			"$(printf '%s\n' "$output" | sed -n 's/: error:.*//p' |
				cut -d: -f1 | uniq -c)" \
			"to mend: $formatter -i FILE"
	fi
done
tap_done
