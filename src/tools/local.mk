# SPDX-License-Identifier: MIT
libtools_la_SOURCES += \
	%D%/args.c %D%/args.h \
	%D%/client.c %D%/client.h \
	%D%/message.c %D%/message.h \
	%D%/old_table.c %D%/old_table.h \
	%D%/render.c %D%/render.h
ttrunks_SOURCES += \
	%D%/cli.h \
	%D%/cli_main.c \
	%D%/cmd_info.c \
	%D%/cmd_kv.c \
	%D%/cmd_walk.c
ttrunks_backup_SOURCES += %D%/backup_main.c
ttrunks_datagen_SOURCES += \
	%D%/datagen.c \
	%D%/datagen_records.c %D%/datagen_records.h
ttrunksd_SOURCES += \
	%D%/detach.c %D%/detach.h \
	%D%/ttrunksd_main.c
ttrunks_fsck_SOURCES += \
	%D%/dump.c %D%/dump.h \
	%D%/dump_manifest.c \
	%D%/dump_old.c \
	%D%/dump_record.c \
	%D%/dump_sst.c \
	%D%/dump_values.c \
	%D%/dump_wal.c \
	%D%/fsck_check.c %D%/fsck_check.h \
	%D%/fsck_main.c
EXTRA_DIST += %D%/README.md
