/* SPDX-License-Identifier: MIT */
/*
 * The layout of a table file around its records; data/README.md is the same
 * in prose. All integers are little-endian.
 *
 *	[4] N, [N] filter box, [4] M, [M] index box, data to the end of file
 *
 * The filter box is a struct filter_header and the filter's bits. The index
 * box is, in this order:
 *
 *	struct sst_index_header
 *	n_blocks times struct sst_block_entry
 *	keys_len bytes of keys: the separators, then the largest key
 *	with SST_INCOMPAT_DICT: le32 length of the dictionary, its bytes
 *	with SST_INCOMPAT_RANGES: the list of range tombstones
 *	le64 XXH3-64 of every byte of the file before it
 *
 * Data is n_blocks blocks, each right behind the one before it. A block is
 * stored_len bytes; if that equals raw_len they are the records themselves,
 * else they inflate with the table's codec to raw_len bytes of records.
 *
 * Separators. Entry i has the pair (separator key, separator ts). Every
 * record of an earlier block sorts before it in internal order, every record
 * of block i and later ones sorts at or after it. The separator of block 0
 * is the table's smallest key, whole. Others are as short as they can be,
 * with TS_NEWEST; only where one key's versions go on from block i-1 to
 * block i is it that key with the ts of block i's first record. A range
 * tombstone that follows a record of the same key and ts stands in the same
 * block.
 *
 * The list of range tombstones is
 *
 *	struct sst_range_header
 *	n times struct sst_range_entry
 *	keys_len bytes of keys: start and end of each
 *
 * by start ascending, then ts descending. Each is also a record (RECORD_RANGE)
 * of the same key and ts. The end there may lie beyond the end here: the
 * deletion went on in the next table of the run, and a table does not know
 * where it will end when it begins.
 */
#ifndef LSM_SST_FORMAT_H
#define LSM_SST_FORMAT_H

#include <stdint.h>

#include "base/le.h"

#define SST_MAGIC "TTSX"
#define SST_VERSION 1

/* Feature bits. A reader may ignore unknown compat bits, must not rewrite a
 * file with unknown ro_compat bits (tables are never rewritten in place), and
 * refuses unknown incompat bits. */
#define SST_INCOMPAT_DICT 1u   /* blocks need the dictionary */
#define SST_INCOMPAT_RANGES 2u /* there are range tombstones, and their list */
#define SST_INCOMPAT_POINTERS 4u /* records of kind RECORD_POINTER */
#define SST_INCOMPAT_MERGES 8u	 /* there are merge records */
#define SST_INCOMPAT_SHARED 16u	 /* pointers to values of other keys */
#define SST_INCOMPAT_KNOWN                                                 \
	(SST_INCOMPAT_DICT | SST_INCOMPAT_RANGES | SST_INCOMPAT_POINTERS | \
	 SST_INCOMPAT_MERGES | SST_INCOMPAT_SHARED)

/* The first byte of a filter box. */
enum filter_kind {
	FILTER_NONE = 0,	  /* every key may be there */
	FILTER_BLOCKED_BLOOM = 1, /* bloom.c */
};

struct filter_header {
	uint8_t kind;	     /* 0: enum filter_kind */
	uint8_t n_probes;    /* 1: bits set per key, 1 to 7; 0 for none */
	uint8_t reserved[2]; /* 2: zero */
	le32 n_lines;	     /* 4: lines of 64 bytes that follow */
};
_Static_assert(sizeof(struct filter_header) == 8, "filter header layout");

struct sst_index_header {
	uint8_t magic[4];    /*   0: SST_MAGIC */
	le32 version;	     /*   4: SST_VERSION */
	le32 compat;	     /*   8: feature bits */
	le32 ro_compat;	     /*  12 */
	le32 incompat;	     /*  16 */
	uint8_t codec;	     /*  20: enum codec, of every block */
	uint8_t reserved[3]; /*  21: zero */
	le32 n_blocks;	     /*  24: at least 1 */
	le32 keys_len;	     /*  28: bytes of keys after the entries */
	le64 n_records;	     /*  32: at least 1 */
	le64 n_tombstones;   /*  40: of them */
	le64 raw_bytes;	     /*  48: of all blocks, inflated */
	le64 file_bytes;     /*  56: of the whole file */
	le64 min_ts;	     /*  64: int64, smallest of any record */
	le64 max_ts;	     /*  72: int64, largest */
};
_Static_assert(sizeof(struct sst_index_header) == 80, "index header layout");

struct sst_block_entry {
	le64 offset;	 /*  0: of the block in the file */
	le64 checksum;	 /*  8: XXH3-64 of its stored bytes */
	le64 sep_ts;	 /* 16: int64, TS_NEWEST or see above */
	le32 stored_len; /* 24 */
	le32 raw_len;	 /* 28: stored_len, or more when compressed */
	le32 n_records;	 /* 32: at least 1 */
	le32 key_end;	 /* 36: where its separator ends in the keys; it
			 *     begins where the one before ends, or at 0 */
};
_Static_assert(sizeof(struct sst_block_entry) == 40, "block entry layout");

struct sst_range_header {
	le32 n;	       /* 0: range tombstones, at least 1 */
	le32 keys_len; /* 4: bytes of keys after the entries */
};
_Static_assert(sizeof(struct sst_range_header) == 8, "range header layout");

struct sst_range_entry {
	le64 ts;	/*  0: int64 */
	le32 start_end; /*  8: where its start ends in the keys; it begins
			 *     where the end before ends, or at 0 */
	le32 end_end;	/* 12: where its end ends in the keys; it begins
			 *     where its start ends. No bytes: no end */
};
_Static_assert(sizeof(struct sst_range_entry) == 16, "range entry layout");

#define SST_CHECKSUM_LEN 8

/* The smallest index box there can be: one block, two keys of no bytes. */
#define SST_INDEX_MIN                                                       \
	(sizeof(struct sst_index_header) + sizeof(struct sst_block_entry) + \
	 SST_CHECKSUM_LEN)

/* Boxes have int32 lengths. */
#define SST_BOX_MAX 0x7fffffffu

/* Longest block, raw: one record of the largest key and value. */
#define SST_BLOCK_MAX ((1u << 30) + 65535u + 25u)

#endif
