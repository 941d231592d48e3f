# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154

commit() {
	git -c user.name=t -c user.email=t@t commit -qm "$1"
}

uses_git() {
	mkdir "$work/origin" && cp -r "$input" "$work/origin/sub" &&
		cd "$work/origin" && git init -q . && git add -A &&
		commit one && git clone -q "$work/origin" "$1/clone" &&
		cd "$1/clone" && [ -z "$(git status --porcelain)" ] &&
		echo change >>sub/new.h && git add -A && commit two &&
		git gc -q && git fsck --strict && git checkout -q HEAD~1 &&
		git checkout -q - && [ -z "$(git status --porcelain)" ]
}

# From the mount to the mount: hard links between the two stores of objects.
clones_inside() {
	git clone -q "$mnt/uses_git/clone" "$1/two" && cd "$1/two" &&
		git fsck --strict && git checkout -qb side && git rm -qr sub &&
		commit gone && [ ! -e sub ] && git checkout -q - &&
		[ -e sub/new.h ] && [ -z "$(git status --porcelain)" ] &&
		git gc -q --prune=now && git fsck --strict
}

# What git thinks of the inodes, sizes and times that it has noted.
finds_nothing_changed() {
	cd "$mnt/uses_git/clone" && git fsck --strict &&
		[ -z "$(git status --porcelain)" ] &&
		[ -z "$(git diff-files)" ]
}

want git 'git clones, commits, collects and checks' uses_git
want git 'git clones from the mount itself' clones_inside
if command -v git >/dev/null; then
	remount git
	tap_run 'git finds nothing changed' finds_nothing_changed
fi
