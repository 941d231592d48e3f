# SPDX-License-Identifier: MIT
test_programs += \
	%D%/test_backup_crash \
	%D%/test_db_crash_sweep \
	%D%/test_db_disk \
	%D%/test_kill
%C%_test_db_crash_sweep_SOURCES = %D%/test_db_crash_sweep.c \
	tests/model/oracle.c tests/model/oracle.h
%C%_test_db_disk_SOURCES = %D%/test_db_disk.c tests/model/oracle.c \
	tests/model/oracle.h
%C%_test_kill_SOURCES = %D%/test_kill.c tests/model/oracle.c \
	tests/model/oracle.h
