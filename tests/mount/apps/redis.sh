# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
#
# Redis with an append-only file that is synced before each answer. Debian has
# the server's program in redis-tools already, under the name of a tool that
# it also is.

redis_program=$(command -v redis-server || command -v redis-check-rdb)

redis_up() {
	# shellcheck disable=SC2093
	(exec -a redis-server "$redis_program" --port 0 --save '' \
		--unixsocket "$work/redis.sock" --dir "$mnt/redis" \
		--appendonly yes --appendfsync always \
		--auto-aof-rewrite-min-size 256kb --daemonize no \
		>>"$work/redis.log" 2>&1) &
	redis=$!
	wait_until 20 redis_ask ping
}

redis_ask() {
	python3 "$mount_scripts/apps/redis.py" "$1" "$work/redis.sock" \
		"$work/redis.told"
}

# It may have ended by itself.
redis_down() {
	kill "$1" "$redis" 2>/dev/null
	wait "$redis" 2>/dev/null
}

redis_told() {
	[ "$(wc -l <"$work/redis.told")" -ge "$1" ]
}

# redis_dies NAME COMMAND...: writers until the command has struck, then a
# new server, which must know all that was acknowledged.
redis_dies() {
	local name=$1 writer before
	shift
	touch "$work/redis.told"
	before=$(wc -l <"$work/redis.told")
	redis_ask write >"$work/redis.out" 2>&1 &
	writer=$!
	wait_until 20 redis_told $((before + 200))
	"$@"
	wait $writer
	if redis_up; then
		tap_run "$name" redis_ask check
		tap_comment "$(tail -n 1 "$work/redis.told") transactions"
	else
		tap_not_ok "$name" "$(tail -n 20 "$work/redis.log")"
	fi
}

redis_struck() {
	redis_down -KILL
}

redis_loses_the_mount() {
	kill_daemon
	redis_down -KILL
	mount_up || exit 1
}

if [ -z "$redis_program" ]; then
	tap_skip 'Redis keeps what it acknowledged' 'redis is not installed'
else
	mkdir "$mnt/redis"
	if redis_up; then
		redis_dies 'Redis keeps what it acknowledged before SIGKILL' \
			redis_struck
		redis_dies "... and before the daemon's death" \
			redis_loses_the_mount
		redis_dies '... and before an orderly end' redis_down -TERM
		redis_down -TERM
	else
		tap_not_ok 'Redis starts' "$(cat "$work/redis.log")"
	fi
fi
