# SPDX-License-Identifier: MIT

bench_programs += \
	%D%/kvbench/kvbench \
	%D%/micro/memindex_bench \
	%D%/micro/sst_bench
EXTRA_DIST += %D%/README.md

%C%_kvbench_kvbench_SOURCES = \
	%D%/kvbench/adapter_null.c \
	%D%/kvbench/adapter_ttrunks.c \
	%D%/kvbench/cgroup.c %D%/kvbench/cgroup.h \
	%D%/kvbench/disk.c %D%/kvbench/disk.h \
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
	%D%/kvbench/latency.c %D%/kvbench/latency.h \
	%D%/kvbench/main.c \
	%D%/kvbench/measure.c %D%/kvbench/measure.h \
	%D%/kvbench/ops.c %D%/kvbench/ops.h \
	%D%/kvbench/options.c %D%/kvbench/options.def %D%/kvbench/options.h \
	%D%/kvbench/plot.c %D%/kvbench/plot.h \
	%D%/kvbench/plot_bars.c \
	%D%/kvbench/plot_lines.c \
	%D%/kvbench/proc.c %D%/kvbench/proc.h \
	%D%/kvbench/progress.c %D%/kvbench/progress.h \
	%D%/kvbench/readseq.c \
	%D%/kvbench/report.c %D%/kvbench/report.h \
	%D%/kvbench/run.c %D%/kvbench/run.h \
	%D%/kvbench/series.c %D%/kvbench/series.h \
	%D%/kvbench/sheet.c %D%/kvbench/sheet.h \
	%D%/kvbench/svg.c %D%/kvbench/svg.h \
	%D%/kvbench/units.c %D%/kvbench/units.h
%C%_kvbench_kvbench_CFLAGS = $(PRODUCT_CFLAGS)
%C%_kvbench_kvbench_LDADD = $(ENGINE_LINK)

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
