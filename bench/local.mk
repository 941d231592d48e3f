# SPDX-License-Identifier: MIT

bench_programs += \
	%D%/micro/memindex_bench \
	%D%/micro/sst_bench
EXTRA_DIST += %D%/kvbench/adapter_ttrunks.c
