# SPDX-License-Identifier: MIT
test_programs += %D%/test_tree_model
%C%_test_tree_model_SOURCES = %D%/test_tree_model.c \
	%D%/tree_fixture.c %D%/tree_fixture.h
EXTRA_DIST += \
	tests/support/mem_engine/mem_engine.c \
	tests/support/mem_engine/mem_engine.h
