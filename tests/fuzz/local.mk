# SPDX-License-Identifier: MIT
fuzz_common = %D%/fuzz_file.c %D%/replay.c %D%/replay.h

test_programs += \
	%D%/fuzz_backup_list \
	%D%/fuzz_manifest \
	%D%/fuzz_old_table \
	%D%/fuzz_options \
	%D%/fuzz_sst \
	%D%/fuzz_tree \
	%D%/fuzz_values \
	%D%/fuzz_wal
%C%_fuzz_backup_list_SOURCES = %D%/fuzz_backup_list.c $(fuzz_common)
%C%_fuzz_manifest_SOURCES = %D%/fuzz_manifest.c $(fuzz_common)
%C%_fuzz_old_table_SOURCES = %D%/fuzz_old_table.c $(fuzz_common)
%C%_fuzz_options_SOURCES = %D%/fuzz_options.c $(fuzz_common)
%C%_fuzz_old_table_LDADD = libtools.la $(LDADD)
%C%_fuzz_sst_SOURCES = %D%/fuzz_sst.c $(fuzz_common)
%C%_fuzz_tree_SOURCES = %D%/fuzz_tree.c $(fuzz_common) \
	tests/support/mem_engine/mem_engine.c \
	tests/support/mem_engine/mem_engine.h
%C%_fuzz_values_SOURCES = %D%/fuzz_values.c $(fuzz_common)
%C%_fuzz_wal_SOURCES = %D%/fuzz_wal.c $(fuzz_common)

check_PROGRAMS += %D%/make_tree_seed
%C%_make_tree_seed_SOURCES = %D%/make_tree_seed.c \
	tests/support/mem_engine/mem_engine.c \
	tests/support/mem_engine/mem_engine.h

EXTRA_DIST += \
	%D%/corpus/backup_list/smallest.list \
	%D%/corpus/manifest/history \
	%D%/corpus/manifest/old_versions \
	%D%/corpus/manifest/ranges \
	%D%/corpus/manifest/small \
	%D%/corpus/old_table/width4 \
	%D%/corpus/options/newer \
	%D%/corpus/options/several \
	%D%/corpus/old_table/width8 \
	%D%/corpus/tree/all_kinds \
	%D%/corpus/manifest/values \
	%D%/corpus/wal/pointers \
	%D%/corpus/wal/kinds \
	%D%/corpus/wal/segment0
