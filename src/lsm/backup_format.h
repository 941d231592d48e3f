/* SPDX-License-Identifier: MIT */
/*
 * A directory of backups, and the stored form of a backup's list.
 *
 *	DIR/BACKUPS         "ttrunks-backups 1\n": what this directory is
 *	DIR/LOCK            held by whoever changes something
 *	DIR/sst/            tables, shared by all backups
 *	DIR/val/            value files, likewise
 *	DIR/NNNNNN/         backup number NNNNNN, whole:
 *		LIST            which files it consists of
 *		MANIFEST-NNNNNN the manifest for the restored store
 *		NNNNNN.wal      log segments, cut off where the backup ends
 *		OPTIONS         the settings, if the store has any
 *	DIR/NNNNNN.ttrunks-unfinished/   the rest of one that was cut off, or
 *	                    is being deleted: while there is such a rest, there
 *	                    may be shared files that no list names
 *
 * A table's name is NNNNNN-HHHHHHHHHHHHHHHH-SSSSSSSSSSSSSSSS.sst: its number,
 * its header checksum (which covers the checksums of all its blocks) and the
 * XXH3-64 of the whole file. A table with number, header checksum and length
 * of another is that one, so nothing else is read to know that it is there
 * already. The number alone would not do: a store and its copy give the same
 * numbers to different tables. A value file's name is the same, with its seal
 * in place of the header checksum, and .val.
 *
 * LIST is text, one fact a line, words separated by one blank:
 *
 *	ttrunks-backup 1
 *	backup NUMBER TIME
 *	manifest NUMBER BYTES SUM
 *	table NUMBER BYTES SUM HEADER_SUM
 *	values NUMBER BYTES SUM SEAL
 *	log NUMBER BYTES SUM
 *	options 1 BYTES SUM
 *	end SUM
 *
 * Magic and format version; the backup's number and when it was begun
 * (microseconds since the epoch); one line for each file, exactly one of them
 * a manifest; last the XXH3-64 of every byte before "end". Numbers are decimal
 * without leading zeros, sums are 16 hexadecimal digits. SUM of a file is the
 * XXH3-64 of its bytes.
 */
#ifndef LSM_BACKUP_FORMAT_H
#define LSM_BACKUP_FORMAT_H

#define FILE_BACKUPS "BACKUPS"
#define BACKUPS_MAGIC "ttrunks-backups"
#define BACKUPS_VERSION 1u
#define BACKUPS_MAX 256u /* bytes */

#define FILE_BACKUP_LIST "LIST"
#define BACKUP_LIST_MAGIC "ttrunks-backup"
#define BACKUP_LIST_VERSION 1u
#define BACKUP_LIST_MAX (1u << 30) /* bytes */

#endif
