/* SPDX-License-Identifier: MIT */
/*
 * The stored form of CURRENT and of manifests.
 *
 * CURRENT is one line of text, replaced atomically:
 *
 *	"ttrunks-current 1 MANIFEST-000012 0123456789abcdef\n"
 *
 * magic, format version, the live manifest, and the XXH3-64 of everything
 * before it (from the first byte to the blank) in hexadecimal.
 *
 * A manifest is a header and records, back to back, each at a multiple of
 * MANIFEST_ALIGN. The first record is a whole version (no table is dropped in
 * it), the following ones change it in turn. Zeros follow the last one: space
 * is reserved ahead, so that a full disk does not keep a store from opening.
 *
 * struct manifest_header:
 *	offset  size  meaning
 *	0       4     magic "TTMF"
 *	4       4     format version
 *	8       8     features a reader must know (none yet: 0)
 *	16      8     file number; equal to the number in the file's name
 *	24      8     checksum of bytes 0-23
 *
 * struct manifest_record:
 *	offset  size  meaning
 *	0       8     checksum of bytes 8-15 and the payload, seeded by the
 *	              file number and the record's offset
 *	8       4     payload length, bytes, at least 1
 *	12      4     zero
 *
 * followed by the payload and padding. Each record was durable before the
 * next was written: a record that does not verify with a valid one behind it
 * is damage, not a torn tail.
 *
 * The payload is a version edit: a sequence of (tag, fields). All numbers are
 * varints; a key is its length and its bytes; timestamps are zigzag-folded.
 *
 *	tag                  fields
 *	1 NEXT_FILE_NO       number above every file number used
 *	2 REPLAY_FROM        LSN from which the log must be replayed
 *	3 LAST_TS            timestamp: none in the tables is newer
 *	4 NEXT_GROUP         flush group number of the next flush
 *	5 ADD_TABLE          level, group, file_no, file_bytes, n_records,
 *	                     n_tombstones, raw_bytes, min_ts, max_ts, min_key,
 *	                     max_key
 *	6 DROP_TABLE         file_no
 *	7 COMPLETE_FROM      timestamp: reads as of it or later miss nothing
 *	                     that was dropped; absent: nothing was
 *	8 TABLE_RANGES       range tombstones of the table added last, at least
 *	                     1, flags: 1: max_key itself is not part of the
 *	                     table; 2: nor is it the end: there is none
 *	9 TABLE_VALUES       n, then n times file_no, bytes: the value files
 *	                     that the table just added points into, rising,
 *	                     and the bytes of the records there that it points
 *	                     to
 *	10 NAME_VALUES       file_no, bytes: this value file is part of the
 *	                     store; bytes 0: not sealed yet; else follows its
 *	                     seal, a random number other than 0
 *	11 DROP_VALUES       file_no: it no longer is
 *	12 MERGE_NAME        name of the merge function, length and bytes
 *	13 TABLE_OLD         n, bytes, timestamp: so many records of the table
 *	                     added last, of about so many bytes with the
 *	                     values that they point to, each at least 1, are
 *	                     old versions, which nobody needs who reads as of
 *	                     this timestamp or later; absent: none is known
 *
 * A table may be dropped and added (at another level) in one edit: drops
 * count first. Value files are named before the tables that point into them
 * and dropped after those. Unknown tags are refused.
 */
#ifndef LSM_MANIFEST_FORMAT_H
#define LSM_MANIFEST_FORMAT_H

#include <stdint.h>

#include "base/checksum.h"
#include "base/compiler.h"
#include "base/le.h"

#define CURRENT_MAGIC "ttrunks-current"
#define CURRENT_VERSION 1u
#define CURRENT_MAX 256u /* bytes */

#define MANIFEST_MAGIC "TTMF"
#define MANIFEST_VERSION 1u
#define MANIFEST_ALIGN 8u
/* A payload is not longer. */
#define MANIFEST_RECORD_MAX (1u << 30)
/* Bytes of the name of a merge function. */
#define MERGE_NAME_MAX 64u

struct manifest_header {
	uint8_t magic[4];
	le32 version;
	le64 features;
	le64 file_no;
	le64 checksum;
};
_Static_assert(sizeof(struct manifest_header) == 32, "manifest header layout");

struct manifest_record {
	le64 checksum;
	le32 len;
	le32 zero;
};
_Static_assert(sizeof(struct manifest_record) == 16, "manifest record layout");

enum edit_tag {
	EDIT_NEXT_FILE_NO = 1,
	EDIT_REPLAY_FROM = 2,
	EDIT_LAST_TS = 3,
	EDIT_NEXT_GROUP = 4,
	EDIT_ADD_TABLE = 5,
	EDIT_DROP_TABLE = 6,
	EDIT_COMPLETE_FROM = 7,
	EDIT_TABLE_RANGES = 8,
	EDIT_TABLE_VALUES = 9,
	EDIT_NAME_VALUES = 10,
	EDIT_DROP_VALUES = 11,
	EDIT_MERGE_NAME = 12,
	EDIT_TABLE_OLD = 13,
};

enum table_ranges_flag {
	TABLE_MAX_IS_OPEN = 1,
	TABLE_HAS_NO_END = 2, /* max_key is then the same as min_key */
};

static inline uint64_t manifest_seed(uint64_t file_no, uint64_t offset)
{
	return (file_no + 1) * 0x9e3779b97f4a7c15ULL ^ offset;
}

/* Bytes that a record of this payload takes, padding included. */
static inline uint64_t manifest_record_space(uint64_t len)
{
	return ROUND_UP(sizeof(struct manifest_record) + len,
			(uint64_t)MANIFEST_ALIGN);
}

/* The sum of a record whose header and payload lie back to back. */
static inline uint64_t manifest_record_sum(const struct manifest_record *h,
					   uint64_t file_no, uint64_t offset)
{
	return checksum_seeded(&h->len, 8 + le32_get(h->len),
			       manifest_seed(file_no, offset));
}

#endif
