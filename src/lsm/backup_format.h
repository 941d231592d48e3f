/* SPDX-License-Identifier: MIT */
/*
 * A directory of backups, and the stored form of a backup's list.
 *
 *	DIR/LOCK                  held by whoever changes something
 *	DIR/sst/                  tables, shared by all backups
 *	DIR/NNNNNN/               backup number NNNNNN, whole:
 *		LIST                  which files it consists of
 *		MANIFEST-NNNNNN       the manifest of the store at that moment
 *		NNNNNN.wal            log segments, cut off where the backup ends
 *	DIR/NNNNNN.ttrunks-unfinished/   the rest of one that was cut off
 *
 * A table's name there is NNNNNN-HHHHHHHHHHHHHHHH-SSSSSSSSSSSSSSSS.sst: its
 * number, its header checksum (which covers the checksums of all its blocks)
 * and the XXH3-64 of the whole file. A table with number, header checksum and
 * length of another is that one: nothing else has to be read to know that it
 * is there already. The number alone would not do, since a store and a copy
 * of it give the same numbers to different tables.
 *
 * LIST is text, one fact a line, words separated by one blank:
 *
 *	ttrunks-backup 1
 *	backup NUMBER TIME LAST_TS
 *	manifest NUMBER BYTES SUM
 *	table NUMBER BYTES SUM HEADER_SUM
 *	log NUMBER BYTES SUM
 *	end SUM
 *
 * "ttrunks-backup" and the format version; then the backup's number, when it
 * was begun and the newest timestamp of a write in its tables (microseconds
 * since the epoch); then one line for each file, exactly one of them a
 * manifest; last the XXH3-64 of every byte before the line "end". Numbers are
 * decimal without leading zeros, sums 16 hexadecimal digits. SUM of a file is
 * the XXH3-64 of its bytes.
 */
#ifndef LSM_BACKUP_FORMAT_H
#define LSM_BACKUP_FORMAT_H

#define FILE_BACKUP_LIST "LIST"
#define BACKUP_MAGIC "ttrunks-backup"
#define BACKUP_VERSION 1u
/* A list is not longer, bytes. */
#define BACKUP_LIST_MAX (1u << 30)

#endif
