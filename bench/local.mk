# SPDX-License-Identifier: MIT

bench_programs += \
	%D%/kvbench/kvbench \
	%D%/micro/memindex_bench \
	%D%/micro/sst_bench
EXTRA_DIST += %D%/README.md

# What the benchmarks share, built with the first of them.
EXTRA_LTLIBRARIES = libbench.la
libbench_la_SOURCES = \
	%D%/common/bars.c %D%/common/bars.h \
	%D%/common/disk.c %D%/common/disk.h \
	%D%/common/latency.c %D%/common/latency.h \
	%D%/common/names.c %D%/common/names.h \
	%D%/common/option_table.c %D%/common/option_table.h \
	%D%/common/proc.c %D%/common/proc.h \
	%D%/common/progress.c %D%/common/progress.h \
	%D%/common/sheet.c %D%/common/sheet.h \
	%D%/common/svg.c %D%/common/svg.h \
	%D%/common/turn.c %D%/common/turn.h \
	%D%/common/units.c %D%/common/units.h
libbench_la_CFLAGS = $(PRODUCT_CFLAGS)

%C%_kvbench_kvbench_SOURCES = \
	%D%/kvbench/adapter_null.c \
	%D%/kvbench/adapter_ttrunks.c \
	%D%/kvbench/cgroup.c %D%/kvbench/cgroup.h \
	%D%/kvbench/engines.c %D%/kvbench/engines.h \
	%D%/kvbench/group_basic.c \
	%D%/kvbench/group_budget.c \
	%D%/kvbench/group_open.c \
	%D%/kvbench/group_small_memory.c \
	%D%/kvbench/group_time.c \
	%D%/kvbench/group_tombstones.c \
	%D%/kvbench/group_ycsb.c \
	%D%/kvbench/groups.c %D%/kvbench/groups.h \
	%D%/kvbench/job.c %D%/kvbench/job.h \
	%D%/kvbench/keys.c %D%/kvbench/keys.h \
	%D%/kvbench/kvbench.h \
	%D%/kvbench/main.c \
	%D%/kvbench/measure.c %D%/kvbench/measure.h \
	%D%/kvbench/ops.c %D%/kvbench/ops.h \
	%D%/kvbench/options.c %D%/kvbench/options.def %D%/kvbench/options.h \
	%D%/kvbench/plot.c %D%/kvbench/plot.h \
	%D%/kvbench/plot_lines.c \
	%D%/kvbench/readseq.c \
	%D%/kvbench/report.c %D%/kvbench/report.h \
	%D%/kvbench/run.c %D%/kvbench/run.h \
	%D%/kvbench/series.c %D%/kvbench/series.h
%C%_kvbench_kvbench_CFLAGS = $(PRODUCT_CFLAGS)
%C%_kvbench_kvbench_LDADD = libbench.la $(ENGINE_LINK)

# Other engines, where configure found them.
if WITH_ROCKSDB
%C%_kvbench_kvbench_SOURCES += %D%/kvbench/adapter_rocksdb.c
%C%_kvbench_kvbench_LDADD += -lrocksdb
endif
if WITH_LEVELDB
%C%_kvbench_kvbench_SOURCES += %D%/kvbench/adapter_leveldb.c
%C%_kvbench_kvbench_LDADD += -lleveldb
endif
if WITH_LMDB
%C%_kvbench_kvbench_SOURCES += %D%/kvbench/adapter_lmdb.c
%C%_kvbench_kvbench_LDADD += -llmdb
endif
