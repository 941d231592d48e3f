#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# kvbench, where `make bench` has built it: every group on a tiny store gives
# whole rows without errors, charts are XML, bad options are refused. What
# the figures are is of no interest here.

# shellcheck source=tests/cli/cli_lib.sh
. "$TT_SRCDIR/tests/cli/cli_lib.sh"

kvbench=$TT_BUILDDIR/bench/kvbench/kvbench
[ -x "$kvbench" ] || tap_skip_all 'kvbench is not built (make bench)'

tiny='-n 2000 -r 1000 --big-n 20 --big-size 20k --max-sec 0.2 --sync-sec 0.1
	--long-sec 0.3 --queue-depth 10 --open-gib 0.001 --cache-mb 4
	--store-gib 0.002 --memory-limit 32M --write-buffer-mb 1
	--engines ttrunks,null'

# bench [OPTION...]: a tiny run.
bench() {
	# shellcheck disable=SC2086
	run "$kvbench" $tiny --dir="$scratch/stores" "$@"
}

# rows_are_whole FILE COLUMNS: tab-separated, as many cells in every line.
rows_are_whole() {
	awk -F '\t' -v want="$2" '
		NF != want { print "line " NR ": " $0; bad = 1 }
		END { exit bad || NR < 2 }' "$1"
}

bench --series=series.tsv --plot=charts
printf '%s\n' "$out" >rows.tsv
tap_is 'a run of every group succeeds' "$status" 0
tap_is 'and says only what small-memory used, or why it was skipped' \
	"$(grep -vE 'small-memory: (skipped: .|[0-9.]+ MiB of 32\.0 used)' \
		<<<"$err")" ''
tap_is 'the columns are the documented ones' "$(head -n 1 rows.tsv)" \
	"$(printf '%s\t' engine workload threads ops ops_s p50_us p99_us \
		p999_us max_us disk_MiB write_amp peak_rss_MiB settle_s \
		errors found)cpu_us_op"
tap_run 'every row has them all' rows_are_whole rows.tsv 16
tap_run 'so have the rows of the series' rows_are_whole series.tsv 8
tap_is 'no row has errors' \
	"$(awk -F '\t' 'NR > 1 && $14 != 0' rows.tsv)" ''
tap_is 'the series are of the long fill and the queue' \
	"$(cut -f 2 series.tsv | sort -u | tr '\n' ' ')" 'longfill queue workload '
for workload in fillseq fillbatch mtsync32 'readrandom(db>cache)' readseq \
	'readwhilewriting(W)' deleterandom ycsb-f bigreadrandom longfill \
	queue 'tombseek(settled)' 'budgetfill(rand)' budgetscan \
	'open(killed)' 'open(check)'; do
	tap_is "both engines did $workload" \
		"$(cut -f 1-2 rows.tsv | grep -cF "	$workload")" 2
done
tap_is 'the stores are gone' "$(ls -d "$scratch"/stores 2>&1)" \
	"ls: cannot access '$scratch/stores': No such file or directory"

# Where cgroups can be had, the process was in one, and page cache counted: a
# store four times as large leaves none of it unused.
case $err in
*'small-memory: skipped: '*) tap_skip 'the limit was reached' "$err" ;;
*)
	tap_is 'small-memory was limited' \
		"$(grep -c '	smallmemread	' rows.tsv)" 2
	tap_is 'its store reached the limit' \
		"$(grep -cE 'ttrunks small-memory: 3[12]\.[0-9] ' <<<"$err")" 1
	;;
esac
tap_is 'no cgroup is left' \
	"$(find /sys/fs/cgroup -maxdepth 2 -name "kvbench-*" 2>/dev/null)" ''

bench --groups=queue --queues=5
tap_is 'many queues work' "$status/$err" 0/

bench --groups=budget --engines=ttrunks --store-gib=0.3 --memory=16M \
	--beyond=16M
tap_is 'one number for all memory holds' "$status/$err" 0/
tap_is 'in every phase' "$(cut -f 2 <<<"$out" | tr '\n' ' ')" \
	'workload budgetfill(seq) budgetfill(rand) budgetread budgetscan '
bench --groups=budget --engines=ttrunks --memory=1M --beyond=0
expect 'and when it does not, that is an error' 1 "$out" \
	'kvbench: ttrunks budget: budget* took *, 1.0 are allowed*'

# are_svg FOLDER: each file there is well-formed and an SVG.
are_svg() {
	python3 -c '
import sys, pathlib, xml.etree.ElementTree as xml
files = sorted(pathlib.Path(sys.argv[1]).iterdir())
assert [f.name for f in files] == ["cpu.svg", "longfill.svg", "queue.svg",
                                   "throughput.svg"], files
for f in files:
    root = xml.parse(f).getroot()
    assert root.tag.endswith("svg") and len(root) > 5, f
' "$1"
}

tap_run 'the charts are XML' are_svg charts
bench --input=rows.tsv --series=series.tsv --plot=again
expect 'charts can be drawn from saved results' 0 '' ''
tap_run 'and are the same' diff -r charts again

printf 'engine\tworkload\tops_s\tcpu_us_op\na<b\t&"c\t1\t2\n' >odd.tsv
bench --input=odd.tsv --plot=odd
tap_run 'names in charts are escaped' python3 -c '
import xml.etree.ElementTree as xml
text = xml.parse("odd/cpu.svg").getroot().itertext()
assert {"a<b", "&\"c"} <= set(text)
'
for text in '' 'x' 'engine\tworkload\nnull\n' 'engine\tworkload\nnull\tx\n'; do
	# shellcheck disable=SC2059
	printf "$text" >bad.tsv
	bench --input=bad.tsv --plot=bad
	expect "no results: '$text'" 1 '' 'kvbench: bad.tsv: *'
done
bench --input=nowhere.tsv --plot=bad
expect 'a missing file is told' 1 '' 'kvbench: nowhere.tsv: No such file*'

# refused OPTIONS ERROR: a glob pattern.
refused() {
	# shellcheck disable=SC2086
	run "$kvbench" $1
	expect "refused: $1" 2 '' "kvbench: $2; see --help"
}

refused '--frob' 'unknown option "--frob"'
refused '-xn5' 'unknown option "-x"'
refused '--dir' 'option "--dir" needs a value'
refused '--stats=1' 'option "--stats=1" takes no value'
refused 'seq' 'unexpected argument "seq"'
refused '-n 5' '--n=5: want a number from 1000 to 1000000000000'
refused '--max-sec=soon' '--max-sec=soon: want a number from *'
refused '--value-size=2M' '--value-size=2M: want a size from 8 to 1048576'
refused '--engines=null,frob' '--engines: no "frob"; there are: all ttrunks*'
refused '--groups=seq,' '--groups: no ""; there are: all seq batch*'
refused '--compression=zip' '--compression=zip: want none or lz4'
refused '--input=rows.tsv' '--input is for --plot'

check_help "$kvbench" "$TT_SRCDIR/bench/kvbench/options.def"

tap_done
