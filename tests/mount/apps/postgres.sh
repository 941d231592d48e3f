# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
#
# PostgreSQL with fsync on and checksums, under pgbench and a ledger of what
# it acknowledged: through an orderly end, the death of the postmaster, and
# the death of our daemon.

# The newest that Debian has; its programs are not on the PATH.
pg_bin=$(find /usr/lib/postgresql/*/bin -name initdb 2>/dev/null | sort -V |
	tail -n 1)
pg_bin=${pg_bin%/initdb}
pg_data=$mnt/pg/data

# PostgreSQL refuses root. Words, not a function, so that $! is the program.
as_pg=()
if [ "$(id -u)" = 0 ]; then
	as_pg=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
fi

pg_sql() {
	"${as_pg[@]}" "$pg_bin/psql" -h "$work/pg" -X -q -A -t -v ON_ERROR_STOP=1 \
		"$@" postgres
}

# pg_up: a server, $pg; again while children of a killed one are still there.
# Not for tap_run, which would lose $pg.
pg_up() {
	local tries=0
	while [ $tries -lt 10 ]; do
		tries=$((tries + 1))
		: >"$work/pg/log"
		"${as_pg[@]}" "$pg_bin/postgres" -D "$pg_data" >"$work/pg/log" 2>&1 &
		pg=$!
		wait_until 60 pg_answers_or_ended
		pg_sql -c 'select 1' >/dev/null 2>&1 && return
		wait $pg
		grep -q 'is still in use' "$work/pg/log" || return 1
		sleep 0.5
	done
	return 1
}

pg_answers_or_ended() {
	! kill -0 "$pg" 2>/dev/null || pg_sql -c 'select 1'
}

pg_begins() {
	mkdir -p "$mnt/pg" "$work/pg"
	[ "$(id -u)" != 0 ] || chown nobody:nogroup "$mnt/pg" "$work/pg"
	"${as_pg[@]}" "$pg_bin/initdb" -D "$pg_data" -k -A trust -U postgres \
		--no-locale -E UTF8 --wal-segsize=4 &&
		printf '%s\n' "listen_addresses = ''" \
			"unix_socket_directories = '$work/pg'" 'fsync = on' \
			'shared_buffers = 16MB' 'max_connections = 20' \
			'max_wal_size = 32MB' 'min_wal_size = 16MB' \
			'checkpoint_timeout = 30s' \
			>>"$pg_data/postgresql.conf"
}

pg_fill() {
	"${as_pg[@]}" "$pg_bin/pgbench" -i -q -s 1 postgres &&
		pg_sql -c 'create table ledger (n int primary key)' \
			-c 'create extension amcheck'
}

# pg_ledger: numbers, one a transaction, each told when it was acknowledged.
pg_ledger() {
	local from
	from=$(pg_sql -c 'select coalesce(max(n), 0) + 1 from ledger')
	seq "$from" 1000000 |
		sed 's/.*/insert into ledger values (&) returning n;/' |
		pg_sql >"$work/told" 2>/dev/null
}

# pg_is_whole: what pgbench's transactions keep equal is equal, every index
# fits its table, every page its checksum, and the ledger has what was told.
pg_is_whole() {
	local told
	told=$(grep -E '^[0-9]+$' "$work/told" | tail -n 1)
	echo "told: ${told:-none}"
	[ "$(pg_sql -c "select count(*) from (
		select sum(abalance) from pgbench_accounts
		union select sum(bbalance) from pgbench_branches
		union select sum(tbalance) from pgbench_tellers
		union select coalesce(sum(delta), 0) from pgbench_history) s")" = 1 ] &&
		pg_sql -c "select 'history', count(*) from pgbench_history" &&
		pg_sql -c "select bt_index_check(oid, true) from pg_class
		where relkind = 'i' and relam = 403" >/dev/null &&
		[ -z "$(pg_sql -c 'select * from verify_heapam(
			relation => $$pgbench_accounts$$)')" ] &&
		[ "$(pg_sql -c "select max(n) - count(*) from ledger")" = 0 ] &&
		[ "$(pg_sql -c 'select max(n) from ledger')" -ge "${told:-1}" ]
}

# pg_struck: SIGKILL of the postmaster; its children notice and end.
pg_struck() {
	kill -KILL "$pg"
	wait "$pg" 2>/dev/null
}

# The server cannot go on without its files, and is killed as well.
pg_loses_the_mount() {
	kill_daemon
	kill -KILL "$pg" 2>/dev/null
	wait "$pg" 2>/dev/null
	mount_up || exit 1
}

pg_stops() {
	kill -INT "$pg" && wait "$pg"
}

# pg_dies NAME COMMAND: under load.
pg_dies() {
	local bench ledger
	: >"$work/told"
	"${as_pg[@]}" "$pg_bin/pgbench" -c 3 -j 1 -T 60 -n postgres \
		>"$work/pgbench" 2>&1 &
	bench=$!
	pg_ledger &
	ledger=$!
	wait_until 20 test -s "$work/told"
	sleep "${TT_PG_SECONDS:-2}"
	$2
	wait $bench $ledger 2>/dev/null
	if pg_up; then
		tap_run "$1" pg_is_whole
		tap_comment "$(grep -c . "$work/told") in the ledger"
	else
		tap_not_ok "$1" "$(tail -n 20 "$work/pg/log")"
	fi
}

pg_checksums() {
	"${as_pg[@]}" "$pg_bin/pg_checksums" --check -D "$pg_data"
}

if [ -z "$pg_bin" ]; then
	tap_skip 'PostgreSQL keeps what it committed' \
		'postgresql is not installed'
else
	export PGUSER=postgres PGHOST=$work/pg
	tap_run 'PostgreSQL makes a database' pg_begins
	pg_up || tap_not_ok 'it starts' "$(cat "$work/pg/log")"
	tap_run '... and fills it' pg_fill
	pg_dies 'PostgreSQL keeps what it committed before SIGKILL' pg_struck
	pg_dies "... and before the daemon's death" pg_loses_the_mount
	pg_stops || tap_not_ok 'it ends in order'
	remount PostgreSQL
	tap_run 'every page has its checksum' pg_checksums
fi
