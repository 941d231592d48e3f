#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# ttrunksd: its command line, its settings, what it refuses, how it ends.

# shellcheck source=tests/cli/cli_lib.sh disable=SC2154
. "$TT_SRCDIR/tests/cli/cli_lib.sh"

d() { timeout 60 ttrunksd "$@"; }

run d --help
tap_is '--help' "$status ${out%%$'\n'*}" '0 Usage: ttrunksd [OPTION]... STORE'
run d --version
tap_is '--version' "$status ${out%% *}" '0 ttrunksd'
run d
expect 'no store is 2' 2 '' 'ttrunksd: *STORE is missing*'
run d a b
expect 'two stores are 2' 2 '' 'ttrunksd: *unexpected argument "b"*'
run d --frobnicate store
expect 'an unknown option is 2' 2 '' 'ttrunksd: *frobnicate*'
run d --memory=lots store
expect 'a bad value names option, value and range' 2 '' \
	'ttrunksd: *memory*lots*16M*'
run d --listen=0.0.0.0:0 store
expect 'an address beyond loopback is refused' 1 '' 'ttrunksd: *loopback*'
run d --listen=nonsense store
expect 'a bad address is refused' 1 '' 'ttrunksd: *HOST:PORT*'
run d --listen=off store
expect 'nothing to serve is 2' 2 '' 'ttrunksd: *off*'
touch file
run d --listen=127.0.0.1:0 file
tap_is 'a store that is a file is 1' "$status" 1
mkdir foreign
echo mine >foreign/thing
run d --listen=127.0.0.1:0 foreign
tap_is 'a foreign directory is 1' "$status" 1
tap_is 'and left alone' "$(ls foreign) $(cat foreign/thing)" 'thing mine'
run d --config=missing.conf store
tap_is 'a missing --config is refused' "$((status != 0))" 1

start_daemon "$scratch/store"
run d --listen=127.0.0.1:0 "$scratch/store"
expect 'a store in use is refused' 1 '' "ttrunksd: *$daemon*"
run d "--listen=127.0.0.1:$port" other
expect 'a busy port is refused with advice' 1 '' \
	"ttrunksd: cannot listen on 127.0.0.1:$port: *--listen=*"
tap_is 'and leaves one line' "$(printf '%s\n' "$err" | wc -l)" 1
ttrunks --port="$port" set k v
stop_daemon
tap_is 'SIGTERM ends it with 0' "$?" 0

printf '%s\n' 'idle_timeout = 7s' 'entry_timeout = 1s' \
	>"$scratch/store/ttrunks.conf"
start_daemon "$scratch/store"
tap_is 'values are there again' "$(ttrunks --port="$port" get k)" v
kill -INT "$daemon"
wait "$daemon"
tap_is 'SIGINT ends it with 0' "$?" 0
daemon=
echo 'idle_timeout = soon' >"$scratch/store/ttrunks.conf"
run d "$scratch/store"
expect 'a bad configuration file names line and value' 2 '' \
	'ttrunksd: *ttrunks.conf:1*soon*'
rm "$scratch/store/ttrunks.conf"

run env TTRUNKSDB_MEMORY=tiny timeout 60 ttrunksd "$scratch/store"
expect 'a bad environment is named' 2 '' 'ttrunksd: *MEMORY*tiny*'

ttrunksd --daemon --listen=127.0.0.1:0 "$scratch/store" >"$scratch/out" 2>&1
status=$?
line=$(cat "$scratch/out")
tap_is '--daemon returns once it serves' "$status ${line%% on *}" \
	'0 ttrunksd: ready'
port=${line#*127.0.0.1:}
port=${port%%,*}
tap_is 'and it does' "$(ttrunks --port="$port" get k)" v
daemon=${line##*pid }
kill "$daemon"
for _ in $(seq 100); do
	kill -0 "$daemon" 2>/dev/null || break
	sleep 0.1
done
kill -0 "$daemon" 2>/dev/null
tap_is 'and ends on SIGTERM' "$?" 1
daemon=
run d --daemon --listen=127.0.0.1:0 file
tap_is '--daemon reports a failed start' "$status" 1
tap_done
