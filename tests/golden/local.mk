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
	%D%/ranges.sst \
	%D%/ranges.txt \
	%D%/records.txt \
	%D%/shared.sst \
	%D%/shared.txt \
	%D%/snappy.sst \
	%D%/texts.txt \
	%D%/val/000007.val \
	%D%/val/000008.val \
	%D%/values.sst \
	%D%/values.txt \
	%D%/values_lz4.sst \
	%D%/zstd.sst
