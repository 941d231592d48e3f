# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# For the tests of programs: a scratch folder, and a ttrunksd in it.

# shellcheck source=tests/tap.sh
. "$TT_SRCDIR/tests/tap.sh"

scratch=$(mktemp -d "${TMPDIR:-/tmp}/ttrunks-cli-XXXXXX") || exit 1
daemon=
cleanup() {
	[ -z "$daemon" ] || kill "$daemon" 2>/dev/null
	wait
	rm -rf "$scratch"
}
trap cleanup EXIT
# No .env or configuration of whoever runs this.
cd "$scratch" || exit 1

# start_daemon STORE [OPTION...]: sets $daemon (pid) and $port.
start_daemon() {
	local store=$1 line
	shift
	rm -f "$scratch/ready"
	mkfifo "$scratch/ready"
	ttrunksd --listen=127.0.0.1:0 --memory=16M "$@" "$store" \
		>"$scratch/ready" 2>"$scratch/daemon.err" &
	daemon=$!
	line=
	read -r line <"$scratch/ready"
	port=${line#*127.0.0.1:}
	port=${port%%,*}
	case $line in
	*': ready on '*) ;;
	*)
		tap_not_ok 'ttrunksd starts' "$(cat "$scratch/daemon.err")"
		tap_done
		;;
	esac
}

# stop_daemon: its exit status.
stop_daemon() {
	local status
	kill "$daemon"
	wait "$daemon"
	status=$?
	daemon=
	return $status
}

# run COMMAND...: sets $status, $out, $err.
run() {
	out=$("$@" 2>"$scratch/err")
	status=$?
	err=$(cat "$scratch/err")
}

# expect NAME STATUS OUT ERR: what run() saw; ERR is a glob pattern.
expect() {
	# shellcheck disable=SC2053
	if [ "$status" = "$2" ] && [ "$out" = "$3" ] && [[ $err == $4 ]]; then
		tap_ok "$1"
	else
		tap_not_ok "$1" "status $status, expected $2" \
			"output:   $out" "expected: $3" \
			"error:    $err" "expected: $4"
	fi
}

# check_help PROGRAM OPTIONS: its --help and the list of its options agree.
check_help() {
	local options missing name

	run "$1" --help
	tap_is '--help succeeds' "$status" 0
	options=$(sed -n 's/^OPT([^,]*, \([a-z_]*\),.*/\1/p' "$2" | tr _ -)
	missing=$(for name in $options; do
		grep -qE -e "--$name( |=|\$)" <<<"$out" || echo "$name"
	done)
	tap_is '--help has every option' "$missing" ''
	tap_is '--help fits a terminal' "$(awk 'length > 79' <<<"$out")" ''
}
