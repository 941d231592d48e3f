# SPDX-License-Identifier: MIT

bench_programs += %D%/micro/memindex_bench
EXTRA_DIST += %D%/kvbench/adapter_ttrunks.c
