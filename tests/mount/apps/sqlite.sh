# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154

# sqlite TEST DIRECTORY: one of apps/sqlite.py, in both kinds of journal.
sqlite() {
	python3 "$mount_scripts/apps/sqlite.py" "$1" "$2/delete" delete &&
		python3 "$mount_scripts/apps/sqlite.py" "$1" "$2/wal" wal
}

transacts() {
	sqlite transacts "$1"
}

shares() {
	sqlite shares "$1"
}

rolls_back() {
	sqlite rolls_back "$1"
}

# survives MODE: the daemon dies under a writer. Sets nothing a subshell may
# not lose.
sqlite_survives() {
	python3 "$mount_scripts/apps/sqlite.py" check "$mnt/outlives-$1" "$1" \
		"$(cat "$work/acknowledged-$1")"
}

if python3 -c 'import sqlite3' 2>/dev/null; then
	want python3 'SQLite keeps thousands of transactions, in both modes' \
		transacts
	want python3 'two processes and a reader share an SQLite database' \
		shares
	want python3 'SQLite rolls back what a killed process left' rolls_back
	for mode in delete wal; do
		python3 "$mount_scripts/apps/sqlite.py" write \
			"$mnt/outlives-$mode" $mode >"$work/acknowledged-$mode" \
			2>"$work/sqlite-said" &
		wait_until 20 test -s "$work/acknowledged-$mode"
		sleep 0.5
		kill_daemon
		wait
		mount_up || exit 1
		tap_run "what SQLite committed outlives the daemon's death ($mode)" \
			sqlite_survives $mode
	done
else
	tap_skip 'SQLite' "python3 has no sqlite3"
fi
