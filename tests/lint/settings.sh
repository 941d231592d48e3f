#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What people read about settings is what the option tables say.
set -u

. "$TT_SRCDIR/tests/tap.sh"

# settings_of FILE.def: the names in an option table.
settings_of() {
	sed -n 's/^OPT(\([a-z_]*\),.*/\1/p' "$TT_SRCDIR/$1"
}

# not_in FILE NAME...: those that it does not mention.
not_in() {
	local file=$TT_SRCDIR/$1 name
	shift
	for name in "$@"; do
		grep -qw -e "$name" "$file" || echo "$name"
	done
}

# .env.example is written by: tests/lint/print_settings >.env.example
tap_run '.env.example is what the tables give' diff -u \
	"$TT_SRCDIR/.env.example" <("$TT_BUILDDIR/tests/lint/print_settings")

mapfile -t common < <(settings_of src/base/common_options.def)
mapfile -t port < <(settings_of src/server/options.def)
mapfile -t mount < <(settings_of fs/mount_options.def)

for file in README.md man/ttrunks.conf.5; do
	tap_is "$file has the common settings" "$(not_in $file "${common[@]}")" ''
done
mapfile -t engine < <(settings_of src/lsm/options.def)
tap_is 'libttrunks(3) has the options of the engine' \
	"$(not_in man/libttrunks.3 "${engine[@]}")" ''
tap_is 'ttrunksd(8) has its settings' \
	"$(not_in man/ttrunksd.8 "${common[@]}" "${port[@]}")" ''
tap_is 'ttrunksfs(8) has its settings' \
	"$(not_in man/ttrunksfs.8 "${common[@]}" "${port[@]}" "${mount[@]}")" ''
tap_done
