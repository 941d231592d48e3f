#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# ttrunks-backup: a store copied, checked and brought back, and what it says
# when that cannot be.

# shellcheck source=tests/cli/cli_lib.sh
. "$TT_SRCDIR/tests/cli/cli_lib.sh"

store=$scratch/store
backups=$scratch/backups

# fill NAME: some more files in the store.
fill() {
	start_daemon "$store"
	ttrunks --port="$port" set "users/$1" "hello $1"
	ttrunks-datagen --port="$port" -n 2000 -size 200 -quiet
	stop_daemon
}

# holds STORE NAME...: it is sound and has these.
holds() {
	local dir=$1 name
	shift
	ttrunks-fsck check --quiet "$dir" || return 1
	start_daemon "$dir"
	for name; do
		[ "$(ttrunks --port="$port" get "users/$name")" = \
			"hello $name" ] || return 1
	done
	stop_daemon
}

fill alice
run ttrunks-backup create "$store" "$backups"
expect 'a backup is made' 0 'backup 1' ''
fill bob
run ttrunks-backup create --json "$store" "$backups"
expect 'a second one, as JSON' 0 '{"type":"backup","id":2}' ''

run ttrunks-backup list "$backups"
tap_is 'both are listed' "$(printf '%s\n' "$out" |
	sed -E 's/ +[0-9-]+ [0-9:]+ UTC  [0-9]+ files  [0-9,]+ bytes/ …/')" \
	'1 …
2 …'
run ttrunks-backup list --json "$backups"
tap_run 'list --json is JSON' python3 -c '
import json, sys, time
found = [json.loads(line) for line in sys.argv[1].splitlines()]
assert [b["id"] for b in found] == [1, 2], found
assert all(b["files"] > 0 and b["bytes"] > 1000 for b in found), found
assert abs(found[0]["time"] / 1e6 - time.time()) < 3600, found
' "$out"

for id in 1 2 newest ''; do
	# shellcheck disable=SC2086
	run ttrunks-backup verify "$backups" $id
	expect "verify \"$id\" finds nothing" 0 '' ''
done
run ttrunks-backup restore "$backups" 1 "$scratch/first"
expect 'the first one is restored' 0 '' ''
tap_run 'it holds what was there' holds "$scratch/first" alice
run ttrunks-backup restore "$backups" newest "$scratch/second"
expect 'so is the newest' 0 '' ''
tap_run 'it holds more' holds "$scratch/second" alice bob
run ttrunks-backup checkpoint "$store" "$scratch/copy"
expect 'a checkpoint' 0 '' ''
tap_run 'holds all of it too' holds "$scratch/copy" alice bob

tap_run 'the directory is as data/README.md says' \
	env PYTHONDONTWRITEBYTECODE=1 \
	python3 "$TT_SRCDIR/tests/format/read_backup.py" "$backups"

# Damage.
table=$(find "$backups/sst" -name '*.sst' | sort | tail -n 1)
python3 -c '
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(-100, 2)
    b = f.read(1)[0]
    f.seek(-100, 2)
    f.write(bytes([b ^ 1]))
' "$table"
run ttrunks-backup verify "$backups"
expect 'a flipped bit is found and the file named' 1 \
	"damage: $table: fails its checksum" \
	'ttrunks-backup: *backup 2 is damaged'
run ttrunks-backup verify --json "$backups" 2
expect 'as JSON too' 1 \
	"{\"type\":\"damage\",\"text\":\"$table: fails its checksum\"}" \
	'ttrunks-backup: *'
run ttrunks-backup restore "$backups" 2 "$scratch/third"
expect 'it is not restored' 1 '' "ttrunks-backup: $table: fails*"
tap_is 'and nothing was left' "$(ls -d "$scratch"/third* 2>/dev/null)" ''
run env PYTHONDONTWRITEBYTECODE=1 \
	python3 "$TT_SRCDIR/tests/format/read_backup.py" "$backups"
case $status:$err in
1:*"$table: checksum") tap_ok 'the specification finds it too' ;;
*) tap_not_ok 'the specification finds it too' "status $status" "$err" ;;
esac

# Deleting.
run ttrunks-backup delete "$backups" 2
expect 'a backup is deleted' 0 '' ''
run ttrunks-backup delete "$backups" 2
expect 'only once' 1 '' '*no backup 2 there'
run ttrunks-backup verify "$backups" 1
expect 'the other one is sound' 0 '' ''
run ttrunks-backup create "$store" "$backups"
run ttrunks-backup prune --keep=1 "$backups"
expect 'prune' 0 '' ''
tap_is 'keeps the newest' "$(ttrunks-backup list "$backups" | cut -c 1-2)" \
	'2 '

# Of other things.
run ttrunks-backup list "$store"
expect 'a store is no directory of backups' 1 '' '*no backups here'
run ttrunks-backup create "$store" "$scratch/first"
expect 'nor is one made of it' 1 '' '*name an empty or a new directory'
run ttrunks-backup create "$scratch/nothing" "$backups"
expect 'a store that is not there is not made' 1 '' '*no store here*'
tap_is 'nor its directory' "$(ls -d "$scratch/nothing" 2>/dev/null)" ''
run ttrunks-backup restore "$backups" 2 "$store"
expect 'nothing is restored over a store' 1 '' '*name an empty or a new*'
start_daemon "$store"
run ttrunks-backup create "$store" "$backups"
expect 'a store in use is refused' 1 '' "*in use by process $daemon"
stop_daemon

for args in '' 'frob' 'create x' 'list' 'list x y' 'verify x y' 'restore x 1' \
	'delete x newest' 'prune x' 'prune --keep=0 x' 'list --nope x'; do
	# shellcheck disable=SC2086
	run ttrunks-backup $args
	expect "wrong usage: \"$args\"" 2 '' 'ttrunks-backup: *--help*'
done
run ttrunks-backup --version
expect 'it tells its version' 0 "$(ttrunks-fsck --version)" ''

tap_done
