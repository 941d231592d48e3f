#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# ttrunks, command by command: output, messages, exit status.

# shellcheck source=tests/cli/cli_lib.sh disable=SC2154
. "$TT_SRCDIR/tests/cli/cli_lib.sh"

start_daemon "$scratch/store"
t() { ttrunks --port="$port" "$@"; }

run t set users/alice hello
expect 'set is silent' 0 '' ''
run t get users/alice
expect 'get gives the value' 0 hello ''
run t get users/nobody
expect 'get of a missing key is 3' 3 '' 'ttrunks: *'
run t get users
expect 'get of a directory is 1' 1 '' 'ttrunks: *directory*'
run t get users/
expect 'an invalid key is 1 and says why' 1 '' 'ttrunks: *'
run t --json get users/nobody
expect 'errors are JSON with --json' 3 '' '{"success":false,*"code":"NOT_FOUND"}'
run t --json get users/alice
tap_is 'answers are JSON with --json' "${out%,*}" '{"success":true,"data":"hello"'

head -c 200000 /dev/urandom >"$scratch/bytes"
t set bytes <"$scratch/bytes"
t get bytes >"$scratch/back"
tap_run 'bytes go in from standard input and come out' \
	cmp "$scratch/bytes" "$scratch/back"
printf 'a\0b\n' | t set zero -
t get zero >"$scratch/back"
tap_is 'zero bytes survive' "$(od -An -c "$scratch/back" | tr -d ' ')" 'a\0b\n'
t set empty ''
run t get empty
expect 'an empty value is a value' 0 '' ''
t set minus -5
run t get minus
expect 'a value may begin with a dash' 0 -5 ''
t set -- --odd --value
run t get -- --odd
expect 'behind -- all is taken as it is' 0 --value ''

run t set users/alice x --if-absent
expect '--if-absent' 1 '' 'ttrunks: *exists*'
run t set users/alice x --if-version=1
expect '--if-version' 1 '' 'ttrunks: *'
run t --sync set users/alice synced
expect '--sync' 0 '' ''

run t stat users/alice
tap_is 'stat shows type and size' "$(printf '%s\n' "$out" | head -n 3)" \
	$'key: users/alice\ntype: file\nsize: 6'
run t stat users/nobody
expect 'stat of a missing key is 3' 3 '' 'ttrunks: *'
run t exists users/alice
expect 'exists' 0 yes ''
run t exists users/nobody
expect 'exists not' 3 no ''

for i in 1 2 3; do t set "s/$i" "v$i"; done
t set s/4 $'line\ttab\\'
run t scan s/
expect 'scan escapes what would break its lines' 0 \
	$'s/1\tv1\ns/2\tv2\ns/3\tv3\ns/4\tline\\ttab\\\\' ''
run t scan s/ --keys --reverse --limit 2
expect 'scan: --keys --reverse --limit' 0 $'s/4\ns/3' ''
run t scan --start s/2 --end s/4 --keys
expect 'scan: --start and --end' 0 $'s/2\ns/3' ''
run t scan s/ --start s/2
expect 'scan: a prefix and a start are wrong usage' 2 '' 'ttrunks: *'
run t list s/ --limit 2
expect 'list' 0 $'s/1=v1\ns/2=v2' 'ttrunks: there is more*'
run t count s/
expect 'count' 0 4 ''
run t --json scan s/1
tap_is 'scan: --json is a line each' "${out#*,}" '"key":"s/1","value":"v1"}'

run t del s
expect 'del of a directory with keys is 1' 1 '' 'ttrunks: *not empty*'
run t del s --recursive
expect 'del --recursive' 0 '' ''
run t count s/
expect 'all is gone' 0 0 ''
run t del s/1
expect 'del of a missing key is 3' 3 '' 'ttrunks: *'

run t ping
tap_is 'ping' "$status ${out%% *}" '0 PONG'
run t info
tap_is 'info' "$status $(printf '%s\n' "$out" | grep '^face')" '0 face: ttrunksd'
run t stats server.requests.ping
expect 'stats by prefix' 0 'server.requests.ping: 1' ''

run t
expect 'no command is 2' 2 '' 'ttrunks: no command*'
run t fly
expect 'an unknown command is 2' 2 '' 'ttrunks: unknown command "fly"*'
run t get
expect 'too few arguments are 2' 2 '' 'ttrunks: usage: ttrunks get KEY'
run t get a b
expect 'too many arguments are 2' 2 '' 'ttrunks: usage: ttrunks get KEY'
run t get a --frob
expect 'an unknown option is 2' 2 '' 'ttrunks: unknown option --frob*'
run t scan --limit=no
expect 'a bad number is 2' 2 '' 'ttrunks: --limit=no: *'
run ttrunks --connect=127.0.0.1:1 ping
expect 'no server is 4' 4 '' 'ttrunks: cannot connect to 127.0.0.1:1: *'
run ttrunks --connect=nonsense ping
expect 'no address is 2' 2 '' 'ttrunks: *HOST:PORT*'
run ttrunks --port=99999 ping
expect 'a port beyond 65535 is 2' 2 '' 'ttrunks: *99999*65535'
run env TTRUNKSDB_LISTEN="127.0.0.1:$port" ttrunks count users/
expect 'the address comes from the environment' 0 1 ''
echo "TTRUNKSDB_LISTEN=127.0.0.1:$port" >.env
run ttrunks count users/
expect 'the address comes from .env' 0 1 ''
rm .env
run ttrunks --help
tap_is '--help' "$status ${out%%$'\n'*}" \
	'0 Usage: ttrunks [OPTION]... COMMAND [ARGUMENT]...'
run ttrunks --version
tap_is '--version' "$status ${out%% *}" '0 ttrunks'
t get bytes >/dev/full 2>"$scratch/err"
tap_is 'a full output is an error' "$?" 1

run ttrunks-datagen -n 500 -size 200 -port "$port"
tap_is 'datagen: Go-style options' "$status ${out%% in *}" \
	'0 wrote 500 records of 200 bytes'
run t count
before=$out
run ttrunks-datagen --n=500 --size=200 --port="$port" --quiet
expect 'datagen: the same seed gives the same records' 0 '' ''
run t count
tap_is 'datagen: nothing new' "$out" "$before"
key=$(t scan users/0 --keys --limit 1)
tap_is 'datagen: values have the size asked for' "$(t get "$key" | wc -c)" 200
ttrunks-datagen -n 20 -seed 9 -out >"$scratch/one"
ttrunks-datagen -n 20 -seed 9 -out >"$scratch/two"
tap_run 'datagen: -out is deterministic' cmp "$scratch/one" "$scratch/two"
tap_is 'datagen: -out is a request a line' \
	"$(grep -c '^{"operation":"SET","key":' "$scratch/one")" 20
run ttrunks-datagen -n x
expect 'datagen: a bad number is 2' 2 '' 'ttrunks-datagen: *'
run ttrunks-datagen -n 1 -connect 127.0.0.1:1
expect 'datagen: no server is 4' 4 '' 'ttrunks-datagen: cannot connect*'
run ttrunks-datagen -n 3 -size 20M -port "$port"
tap_is 'datagen: failed records are 1' "$status" 1

stop_daemon
tap_is 'ttrunksd stops cleanly' "$?" 0
run t ping
expect 'the server is gone' 4 '' 'ttrunks: cannot connect*'
tap_done
