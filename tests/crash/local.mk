# SPDX-License-Identifier: MIT
test_programs += %D%/test_kill
%C%_test_kill_SOURCES = %D%/test_kill.c tests/model/oracle.c \
	tests/model/oracle.h
