# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
#
# Editors save in place, or write another file and rename it over the old one.

vi=vim
command -v vim >/dev/null || vi=vim.tiny

# edit FILE COMMAND...: ex commands, without a terminal.
edit() {
	local file=$1 args=()
	shift
	while [ $# -gt 0 ]; do
		args+=(-c "$1")
		shift
	done
	timeout 20 $vi -Nu NONE -es "${args[@]}" -c wq "$file" </dev/null
}

saves_like_vim() {
	cd "$1" && printf 'one\ntwo\n' >text && chmod 640 text &&
		edit text '%s/two/2/' && [ "$(cat text)" = "$(printf 'one\n2')" ] &&
		edit text 'set backup backupskip= backupcopy=no' '%s/2/zwei/' &&
		[ "$(tail -n 1 text)" = zwei ] && [ "$(tail -n 1 text~)" = 2 ] &&
		[ "$(stat -c %a text)" = 640 ] && ln text link &&
		edit text 'set backupcopy=yes' '%s/one/eins/' &&
		[ text -ef link ] && [ "$(head -n 1 link)" = eins ] &&
		ls -A && [ ! -e .text.swp ]
}

# The swap file outlives vim, and vim makes the text from it again.
recovers() {
	local pid
	cd "$1" && echo first >t && mkfifo commands || return 1
	timeout 20 $vi -Nu NONE -es t <commands >/dev/null 2>&1 &
	pid=$!
	exec 9>commands
	printf '%s\n' s/first/second/ preserve >&9
	# "preserve" has written it when the text stands in it
	wait_until 10 grep -q second .t.swp
	kill -KILL $(pgrep -P $pid) $pid
	exec 9>&-
	wait $pid 2>/dev/null
	timeout 20 $vi -Nu NONE -es -r t -c 'w out' -c 'q!' </dev/null
	[ "$(cat out)" = second ] && [ "$(cat t)" = first ]
}

seds() {
	cd "$1" && seq 1 2000 >n && chmod 604 n && sed -i 's/^7$/seven/' n &&
		[ "$(sed -n 7p n)" = seven ] && [ "$(stat -c %a n)" = 604 ] &&
		sort -r -o n n && [ "$(wc -l <n)" = 2000 ] &&
		sed -i.bak 1d n && [ "$(wc -l <n)" = 1999 ] &&
		[ "$(wc -l <n.bak)" = 2000 ]
}

want $vi 'vim saves in place and by rename' saves_like_vim
want $vi 'vim recovers from its swap file' recovers
want sed 'sed -i and sort -o replace files' seds
