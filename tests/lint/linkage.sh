#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What the built files export and link: libttrunks exports the names of
# ttrunks.h and no other, each of which is tried and told, and only the mount
# knows libfuse.
set -u

. "$TT_SRCDIR/tests/tap.sh"

library=$TT_BUILDDIR/.libs/libttrunks.so

# exported: the names that the library defines for others.
exported() {
	nm -D --defined-only "$library" | awk '$2 != "A" { print $3 }' |
		sed 's/@.*//' | LC_ALL=C sort -u
}

# declared: the functions that the public headers promise.
declared() {
	cat "$TT_SRCDIR"/src/tt*.h | tr '\n\t' '  ' |
		grep -oE 'TT_API[^;{(]*\(' |
		grep -oE 'tt_[a-z0-9_]+ *\($' | tr -d ' (' | LC_ALL=C sort -u
}

# links PROGRAM PATTERN: its own code asks the loader for such a library.
links() {
	local file=$TT_BUILDDIR/.libs/$1
	[ -e "$file" ] || file=$TT_BUILDDIR/$1
	objdump -p "$file" | grep -qE "NEEDED +$2"
}

# unused: the functions that no test of the public interface calls.
unused() {
	local name
	for name in $(declared); do
		grep -qw -e "$name" "$TT_SRCDIR"/tests/api/*.c || echo "$name"
	done
}

# untold: those that the overview of the library does not name.
untold() {
	local name
	for name in $(declared); do
		grep -qw -e "$name" "$TT_SRCDIR/man/libttrunks.3" || echo "$name"
	done
}

tap_is 'tests/api calls every function of ttrunks.h' "$(unused)" ''
tap_is 'libttrunks(3) names every function of ttrunks.h' "$(untold)" ''

if [ -e "$library" ]; then
	tap_is 'libttrunks exports tt_ names only' \
		"$(exported | grep -v '^tt_')" ''
	tap_is 'libttrunks exports what its headers declare, no more, no less' \
		"$(exported)" "$(declared)"
else
	tap_skip 'libttrunks exports tt_ names only' 'no shared library built'
fi

for program in ttrunks ttrunks-backup ttrunks-datagen ttrunksd ttrunks-fsck; do
	if links $program libfuse; then
		tap_not_ok "$program links no libfuse"
	else
		tap_ok "$program links no libfuse"
	fi
done
tap_done
