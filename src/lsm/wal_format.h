/* SPDX-License-Identifier: MIT */
/*
 * The stored form of the write-ahead log.
 *
 * A segment is a file wal/NNNNNN.wal: a header, then records, each at an
 * offset that is a multiple of WAL_ALIGN, back to back. What follows the last
 * record is anything: zeros, or records of the file's former life.
 *
 * A place in the log is an LSN: segment number << 32 | offset in the segment.
 *
 * The header comes in two halves. The identity is written when the file is
 * prepared. The link is written when the segment becomes the current one: it
 * names the place where the log ended before, and it alone makes the segment
 * part of the log. A segment continues the log only where the valid records
 * before it end exactly at its link; so what a crash cut off stays cut off,
 * however intact the segments behind the cut are.
 *
 * Every checksum is XXH3 seeded by the segment number and the place, so that
 * bytes of a former life, or a log stored as a value inside a log, never
 * verify.
 *
 * struct wal_segment_header:
 *	offset  size  meaning
 *	0       4     magic "TTWL"
 *	4       4     format version
 *	8       8     segment number; equal to the number in the file's name
 *	16      8     features a reader must know (WAL_FEATURE_*)
 *	24      8     checksum of bytes 0-23
 *	32      8     link: LSN at which the log continues here
 *	40      8     checksum of bytes 32-39; 0 while there is no link
 *	48      16    zero
 *
 * struct wal_record_header, before each payload:
 *	offset  size  meaning
 *	0       4     checksum of bytes 4-31 and the place, never 0
 *	4       4     payload length, bytes, at least 1
 *	8       8     timestamp of the batch
 *	16      8     LSN up to which the log was durable when this was written
 *	24      8     checksum of the payload
 *
 * The payload is an encoded batch (batch_format.h). The LSN of a record is
 * that of its header.
 */
#ifndef LSM_WAL_FORMAT_H
#define LSM_WAL_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/checksum.h"
#include "base/compiler.h"
#include "base/le.h"

#define WAL_MAGIC "TTWL"
#define WAL_VERSION 1u
#define WAL_ALIGN 8u
#define WAL_SUFFIX ".wal"

/* Batches may hold other operations than puts and deletes. */
#define WAL_FEATURE_KINDS 1u
#define WAL_FEATURES_KNOWN ((uint64_t)WAL_FEATURE_KINDS)

struct wal_segment_header {
	uint8_t magic[4];
	le32 version;
	le64 segment_no;
	le64 features;
	le64 checksum;
	le64 link;
	le64 link_checksum;
	uint8_t zero[16];
};
_Static_assert(sizeof(struct wal_segment_header) == 64, "wal header layout");

struct wal_record_header {
	le32 checksum;
	le32 len;
	le64 ts;
	le64 durable;
	le64 payload_checksum;
};
_Static_assert(sizeof(struct wal_record_header) == 32, "wal record layout");

#define WAL_FIRST_OFFSET ((uint32_t)sizeof(struct wal_segment_header))

static inline uint64_t wal_lsn(uint32_t segment_no, uint32_t offset)
{
	return (uint64_t)segment_no << 32 | offset;
}

static inline uint32_t wal_lsn_segment(uint64_t lsn)
{
	return (uint32_t)(lsn >> 32);
}

static inline uint32_t wal_lsn_offset(uint64_t lsn)
{
	return (uint32_t)lsn;
}

/* Bytes of a segment that a record takes, padding included. */
static inline uint64_t wal_record_space(uint64_t payload_len)
{
	return ROUND_UP(sizeof(struct wal_record_header) + payload_len,
			(uint64_t)WAL_ALIGN);
}

/* The seed of the sums of the record at `lsn`; any other place, any other
 * life of the file, another seed. */
static ALWAYS_INLINE uint64_t wal_seed(uint64_t lsn)
{
	uint64_t z = (lsn + 1) * 0x9e3779b97f4a7c15ULL;

	return z ^ (z >> 29);
}

static inline uint64_t wal_identity_sum(const struct wal_segment_header *h)
{
	return checksum(h, 24);
}

static inline uint64_t wal_link_sum(const struct wal_segment_header *h)
{
	uint64_t sum = checksum_seeded(&h->link, sizeof(h->link),
				       wal_seed(le64_get(h->segment_no) << 32));

	return sum ? sum : 1;
}

static inline uint32_t wal_record_sum(const struct wal_record_header *h,
				      uint64_t lsn)
{
	uint32_t sum = (uint32_t)checksum_seeded(&h->len, 28, wal_seed(lsn));

	return sum ? sum : 1;
}

static inline uint64_t wal_payload_sum(const void *p, size_t len, uint64_t lsn)
{
	return checksum_seeded(p, len, wal_seed(lsn));
}

#endif
