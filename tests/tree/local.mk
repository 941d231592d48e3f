# SPDX-License-Identifier: MIT
test_programs += %D%/test_tree_acl
%C%_test_tree_acl_SOURCES = %D%/test_tree_acl.c \
	%D%/tree_fixture.c %D%/tree_fixture.h
test_programs += %D%/test_tree_copy
%C%_test_tree_copy_SOURCES = %D%/test_tree_copy.c \
	%D%/tree_fixture.c %D%/tree_fixture.h
test_programs += %D%/test_tree_crash
%C%_test_tree_crash_SOURCES = %D%/test_tree_crash.c \
	%D%/tree_fixture.c %D%/tree_fixture.h
# linked to the engine's model instead of the engine
test_programs += %D%/test_tree_failures
%C%_test_tree_failures_SOURCES = %D%/test_tree_failures.c \
	%D%/tree_fixture.c %D%/tree_fixture.h \
	tests/support/mem_engine/mem_engine.c \
	tests/support/mem_engine/mem_engine.h
test_programs += %D%/test_tree_files
%C%_test_tree_files_SOURCES = %D%/test_tree_files.c \
	%D%/tree_fixture.c %D%/tree_fixture.h
test_programs += %D%/test_tree_inodes
%C%_test_tree_inodes_SOURCES = %D%/test_tree_inodes.c \
	%D%/tree_fixture.c %D%/tree_fixture.h
test_programs += %D%/test_tree_keys
%C%_test_tree_keys_SOURCES = %D%/test_tree_keys.c \
	%D%/tree_fixture.c %D%/tree_fixture.h
test_programs += %D%/test_tree_model
%C%_test_tree_model_SOURCES = %D%/test_tree_model.c \
	%D%/tree_fixture.c %D%/tree_fixture.h
test_programs += %D%/test_tree_names
%C%_test_tree_names_SOURCES = %D%/test_tree_names.c \
	%D%/tree_fixture.c %D%/tree_fixture.h
test_programs += %D%/test_tree_past
%C%_test_tree_past_SOURCES = %D%/test_tree_past.c \
	%D%/tree_fixture.c %D%/tree_fixture.h
test_programs += %D%/test_tree_threads
%C%_test_tree_threads_SOURCES = %D%/test_tree_threads.c \
	%D%/tree_fixture.c %D%/tree_fixture.h
test_programs += %D%/test_tree_unlinked
%C%_test_tree_unlinked_SOURCES = %D%/test_tree_unlinked.c \
	%D%/tree_fixture.c %D%/tree_fixture.h
# linked to the engine's model too
test_programs += %D%/test_tree_races
%C%_test_tree_races_SOURCES = %D%/test_tree_races.c \
	%D%/tree_fixture.c %D%/tree_fixture.h \
	tests/support/mem_engine/mem_engine.c \
	tests/support/mem_engine/mem_engine.h
