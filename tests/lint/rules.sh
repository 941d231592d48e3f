# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# The rules that layering.sh holds the sources to and selftest.sh holds to
# bad samples. Each function works on the tree in the current directory,
# prints one line a finding, and nothing where there is none.

lint_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# rule_sources: every C file of the project.
rule_sources() {
	local dir
	for dir in src fs tests bench data; do
		[ -d $dir ] || continue
		find $dir -name '*.[ch]' -type f
	done | LC_ALL=C sort
}

# rule_c: what c_rules.awk finds, each line beginning with its rule.
rule_c() {
	rule_sources | xargs -r awk -f "$lint_dir/c_rules.awk"
}

# rule_readme: every folder of product code explains itself.
rule_readme() {
	local dir
	for dir in src/*/ fs/; do
		[ -d "$dir" ] || continue
		[ -s "${dir}README.md" ] || echo "${dir}README.md: missing"
	done
}

# rule_listed: what a folder holds is in its local.mk, and so in the build
# and in the tarball. A test program is listed by its stem; another folder's
# local.mk may name it by its whole path.
rule_listed() {
	local file
	find src fs tests bench man data docs -type f \
		\( -name '*.[ch]' -o -name '*.def' -o -name '*.sh' \
		-o -name '*.py' -o -name '*.awk' -o -name '*.md' \
		-o -name '*.[1-8]' -o -name '*.supp' \) 2>/dev/null |
		LC_ALL=C sort |
		while read -r file; do
			case $file in
			src/tt*.h) continue ;;
			esac
			listed_above "$file" || listed_whole "$file" ||
				echo "$file: in no local.mk"
		done
}

# listed_above FILE: a local.mk in its folder or a folder above names it.
listed_above() {
	local dir=${1%/*} name
	while :; do
		if [ -f "$dir/local.mk" ]; then
			name=${1#"$dir"/}
			name=${name//./\\.}
			grep -qE "%D%/(${name}|${name%\\.c})([[:space:]]|\$)" \
				"$dir/local.mk" && return 0
		fi
		case $dir in
		*/*) dir=${dir%/*} ;;
		*) return 1 ;;
		esac
	done
}

# listed_whole FILE: a local.mk names it by its path from the top.
listed_whole() {
	find . -name local.mk -exec grep -qE \
		"(^|[[:space:]])${1//./\\.}([[:space:]]|\$)" {} +
}

# rule_links: a relative link in a Markdown file leads to a file.
rule_links() {
	local file target
	find . -name '*.md' -type f -not -path './build/*' -not -path './demo/*' |
		LC_ALL=C sort |
		while read -r file; do
			sed -n 's/`[^`]*`//g; s/\](\([^)]*\))/\n@@\1\n/gp' "$file" |
				sed -n 's/^@@//p' |
				while read -r target; do
					case $target in
					*://* | '#'* | mailto:*) continue ;;
					esac
					[ -e "$(dirname "$file")/${target%%#*}" ] ||
						echo "$file: no $target"
				done
		done
}

# find_formatter: prints the name of a clang-format 14, or fails.
find_formatter() {
	local name
	for name in clang-format-14 clang-format; do
		if "$name" --version 2>/dev/null | grep -q 'version 14\.'; then
			echo "$name"
			return 0
		fi
	done
	return 1
}

# rule_man PAGE...: what the formatter of man pages warns about, and
# sections that every page has.
rule_man() {
	local page heading
	for page in "$@"; do
		LC_ALL=C.UTF-8 MANWIDTH=80 MANROFFSEQ='' man --warnings -E UTF-8 \
			-l -Tutf8 -Z "$page" 2>&1 >/dev/null | sed "s|^|$page: |"
		for heading in NAME DESCRIPTION 'SEE ALSO'; do
			grep -qE "^\.S[Hh] \"?$heading\"?\$" "$page" ||
				echo "$page: no section $heading"
		done
	done
}

# shell_scripts: every shell script of the project, by its first lines.
shell_scripts() {
	{
		find . -name '*.sh' -type f -not -path './build/*' \
			-not -path './demo/*'
		find build-aux .ci data/completions -type f 2>/dev/null
	} | LC_ALL=C sort | while read -r file; do
		# What autoreconf puts beside ours has no such line.
		head -n 3 "$file" | grep -q 'SPDX-License-Identifier: MIT' || continue
		head -n 3 "$file" | grep -qE '^#!.*sh$|shellcheck shell=' || continue
		echo "$file"
	done
}

# rule_shell [SCRIPT...]: what shellcheck finds, by default in all of them.
# It cannot follow what is sourced by a path in a variable, and takes awk and
# sed programs in single quotes for forgotten expansions.
rule_shell() {
	[ $# -gt 0 ] || mapfile -t files < <(shell_scripts)
	[ $# -eq 0 ] || files=("$@")
	shellcheck -e SC1090,SC1091,SC2154,SC2016 -f gcc "${files[@]}"
}
