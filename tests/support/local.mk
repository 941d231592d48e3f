# SPDX-License-Identifier: MIT
libtestsupport_la_SOURCES += \
	%D%/check_main.h \
	%D%/copy_fixture.c \
	%D%/copy_fixture.h \
	%D%/fault_cut.c \
	%D%/fault_disk.c \
	%D%/fault_disk.h \
	%D%/fault_disk_impl.h \
	%D%/fault_env.c \
	%D%/fault_env.h \
	%D%/fault_env_impl.h \
	%D%/fault_orders.c \
	%D%/ladder.c \
	%D%/ladder.h \
	%D%/noise.c %D%/noise.h \
	%D%/pick_fixture.c \
	%D%/pick_fixture.h \
	%D%/prng.c \
	%D%/prng.h \
	%D%/sst_gen.c \
	%D%/sst_gen.h \
	%D%/tmpdir.c \
	%D%/tmpdir.h
