# SPDX-License-Identifier: MIT
check_PROGRAMS += %D%/make_tables
EXTRA_DIST += \
	%D%/README.md \
	%D%/backup.list \
	%D%/dict.sst \
	%D%/lz4.sst \
	%D%/merges.sst \
	%D%/merges.txt \
	%D%/none.sst \
	%D%/records.txt \
	%D%/snappy.sst \
	%D%/texts.txt \
	%D%/zstd.sst
