# SPDX-License-Identifier: MIT

bench_programs += \
	%D%/kvbench/kvbench \
	%D%/micro/memindex_bench \
	%D%/micro/sst_bench
EXTRA_DIST += %D%/README.md

# What the benchmarks share, built with the first of them.
EXTRA_LTLIBRARIES = libbench.la
libbench_la_SOURCES = \
	%D%/common/apart.c %D%/common/apart.h \
	%D%/common/bars.c %D%/common/bars.h \
	%D%/common/disk.c %D%/common/disk.h \
	%D%/common/latency.c %D%/common/latency.h \
	%D%/common/names.c %D%/common/names.h \
	%D%/common/option_table.c %D%/common/option_table.h \
	%D%/common/proc.c %D%/common/proc.h \
	%D%/common/progress.c %D%/common/progress.h \
	%D%/common/settle.c %D%/common/settle.h \
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

if WITH_FUSE
bench_programs += %D%/fsbench/fsbench %D%/fsbench/nullfs
endif

%C%_fsbench_fsbench_SOURCES = \
	%D%/fsbench/files.c %D%/fsbench/files.h \
	%D%/fsbench/group_bigdir.c \
	%D%/fsbench/group_meta.c \
	%D%/fsbench/group_small.c \
	%D%/fsbench/group_stream.c \
	%D%/fsbench/group_tree.c \
	%D%/fsbench/groups.c %D%/fsbench/groups.h \
	%D%/fsbench/main.c \
	%D%/fsbench/options.c %D%/fsbench/options.def %D%/fsbench/options.h \
	%D%/fsbench/report.c %D%/fsbench/report.h \
	%D%/fsbench/run.c %D%/fsbench/run.h \
	%D%/fsbench/stats.c %D%/fsbench/stats.h \
	%D%/fsbench/subject.c %D%/fsbench/subject.h \
	%D%/fsbench/work.c %D%/fsbench/work.h
%C%_fsbench_fsbench_CFLAGS = $(PRODUCT_CFLAGS)
%C%_fsbench_fsbench_LDADD = libbench.la libbase.la $(ENGINE_LIBS)

%C%_fsbench_nullfs_SOURCES = \
	%D%/fsbench/nullfs.c %D%/fsbench/nullfs.h \
	%D%/fsbench/nullfs_data.c \
	%D%/fsbench/nullfs_nodes.c
%C%_fsbench_nullfs_CFLAGS = $(PRODUCT_CFLAGS) $(FUSE_CFLAGS)
%C%_fsbench_nullfs_LDADD = libbase.la $(ENGINE_LIBS) $(FUSE_LIBS)

# Debian has the source of libfuse's own pass-through as an example; `make
# bench` compiles that one where it is installed.
if WITH_PASSTHROUGH_LL
bench_peers += %D%/fsbench/passthrough_ll
CLEANFILES += %D%/fsbench/passthrough_ll
%D%/fsbench/passthrough_ll: $(PASSTHROUGH_LL)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(CC) -O2 -pthread $(FUSE_CFLAGS) \
		-o $@ $(PASSTHROUGH_LL) $(FUSE_LIBS)
endif

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
