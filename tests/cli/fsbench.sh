#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# fsbench, where `make bench` has built it: every group on tiny files gives
# whole rows without errors, on every file system there is; charts are XML;
# nothing stays mounted. What the figures are is of no interest here.

# shellcheck source=tests/cli/cli_lib.sh
. "$TT_SRCDIR/tests/cli/cli_lib.sh"

fsbench=$TT_BUILDDIR/bench/fsbench/fsbench
[ -x "$fsbench" ] || tap_skip_all 'fsbench is not built (make bench)'
[ -n "${TT_HAVE_FUSE:-}" ] || tap_skip_all "$TT_NO_FUSE_WHY"
[ "$(id -u)" = 0 ] || tap_skip_all 'only root has cold rows'

tiny='-n 1000 --max-sec 5 --sync-sec 0.2 --stream-mib 4 --random-mib 2
	--random-ops 200 --bigdir-n 1000 --space-n 200 --tree-n 40'

# bench [OPTION...]: a tiny run.
bench() {
	# shellcheck disable=SC2086
	run "$fsbench" $tiny --dir="$scratch/fs" "$@"
}

bench --plot=charts
printf '%s\n' "$out" >rows.tsv
tap_is 'a run of every group on every file system succeeds' "$status" 0
# libfuse has a word about its own example, and one of its threads, at times,
# about being unmounted.
libfuse='Ignoring invalid max threads|reading device: .* connection abort'
tap_is 'and says only what is not installed' \
	"$(grep -vE "there is no program|$libfuse" <<<"$err")" ''
tap_is 'the columns are the documented ones' "$(head -n 1 rows.tsv)" \
	"$(printf '%s\t' fs workload clients ops ops_s us_op p50_us p99_us \
		max_us daemon_us_op client_us_op requests_op write_amp \
		disk_MiB daemon_MiB settle_s)errors"
tap_run 'every row has them all' awk -F '\t' '
	NF != 17 { print "line " NR ": " $0; bad = 1 }
	END { exit bad || NR < 2 }' rows.tsv
tap_is 'no row has errors' "$(awk -F '\t' 'NR > 1 && $17 != 0' rows.tsv)" ''
for fs in ttrunksfs nullfs plain; do
	tap_is "$fs did every workload" \
		"$(awk -F '\t' -v fs=$fs '$1 == fs { n++ } END { print n }' \
			rows.tsv)" \
		"$(grep -c '^ttrunksfs' rows.tsv)"
done
for workload in create 'stat(cold)' 'walk(cold)' rename unlink mkdir rmdir \
	create4k 'read4k(cold)' 'fsync4k(8)' untar 'grep-r(cold)' rm-rf \
	git-clone git-status cp-a 'du(cold)' 'find(cold)' 'seqwrite(MiB)' \
	'seqread(cold,MiB)' 'copy(MiB)' 'randwrite4k(sync64)' 'randread4k(cold)' \
	'bigdir(last)' 'ls-f(first)' 'space(1k)'; do
	tap_is "there is $workload" \
		"$(cut -f 1-2 rows.tsv | grep -cFx "ttrunksfs	$workload")" 1
done

# requests_of WORKLOAD: of ttrunksfs, per operation.
requests_of() {
	awk -F '\t' -v w="$1" '$1 == "ttrunksfs" && $2 == w { print $12 }' \
		rows.tsv
}
tap_is 'a create is LOOKUP, CREATE and GETATTR of the directory' \
	"$(requests_of create)" 3.00
tap_is 'a cold stat is LOOKUP' "$(requests_of 'stat(cold)')" 1.00
tap_is 'a warm one is nothing' "$(requests_of 'stat(warm)')" 0.00

tap_is 'everything is gone' "$(ls -d "$scratch"/fs 2>&1)" \
	"ls: cannot access '$scratch/fs': No such file or directory"
tap_is 'nothing stays mounted' "$(grep -F "$scratch/" /proc/mounts)" ''

# are_svg FOLDER: each file there is well-formed and an SVG.
are_svg() {
	python3 -c '
import sys, pathlib, xml.etree.ElementTree as xml
files = sorted(pathlib.Path(sys.argv[1]).iterdir())
assert [f.name for f in files] == ["daemon.svg", "wall.svg"], files
for f in files:
    root = xml.parse(f).getroot()
    assert root.tag.endswith("svg") and len(root) > 5, f
' "$1"
}

tap_run 'the charts are XML' are_svg charts
run "$fsbench" --input=rows.tsv --plot=again
expect 'charts can be drawn from saved results' 0 '' ''
tap_run 'and are the same' diff -r charts again
run "$fsbench" --input=nowhere.tsv --plot=bad
expect 'a missing file is told' 1 '' 'fsbench: nowhere.tsv: No such file*'

# refused OPTIONS ERROR: a glob pattern.
refused() {
	# shellcheck disable=SC2086
	run "$fsbench" $1
	expect "refused: $1" 2 '' "fsbench: $2; see --help"
}

refused '--frob' 'unknown option "--frob"'
refused '-n 5' '--n=5: want a number from 10 to 1000000000'
refused '--subjects=frob' '--subjects: no "frob"; there are: all ttrunksfs*'
refused '--groups=meta,' '--groups: no ""; there are: all meta small*'
refused '--input=rows.tsv' '--input is for --plot'

run "$fsbench" --subjects=ttrunksfs --ttrunksfs=/nowhere --dir="$scratch/fs"
expect 'a program that is missing is told' 1 "$(head -n 1 rows.tsv)" \
	'fsbench: ttrunksfs: there is no program ttrunksfs*'

check_help "$fsbench" "$TT_SRCDIR/bench/fsbench/options.def"

tap_done
