/* SPDX-License-Identifier: MIT */
/*
 * The stored form of separated values: files val/NNNNNN.val, and the pointers
 * that stand for the values in the log, in tables and in memtables.
 *
 * A value file is a header and records, each at an offset that is a multiple
 * of VALUE_ALIGN. Records are written by many threads into places of their
 * own; where one of them failed or died, its place holds anything. So what
 * counts is what pointers name: a place that nobody points to means nothing.
 *
 * struct value_file_header:
 *	offset  size  meaning
 *	0       4     magic "TTVL"
 *	4       4     format version
 *	8       8     features a reader must know (none yet: 0)
 *	16      8     file number; equal to the number in the file's name
 *	24      8     checksum of bytes 0-23
 *
 * struct value_record_header, followed by the key, the stored value, and
 * padding to a multiple of VALUE_ALIGN:
 *	offset  size  meaning
 *	0       8     checksum of bytes 8-39 and the key, seeded by the file
 *	              number and the offset of the record
 *	8       8     timestamp, 0 when it was not known yet: the value was
 *	              written before its place in the history was given
 *	16      8     checksum of the stored value, seed 0: it stays when the
 *	              value moves to another file
 *	24      4     stored length of the value, bytes
 *	28      4     raw length of the value
 *	32      2     key length, at least 1
 *	34      1     codec of the stored value (base/compress.h); 0: as it is,
 *	              both lengths are equal
 *	35      5     zero
 *
 * The key makes it possible to tell what a value belongs to when nothing
 * points to it any more. It is that of the write that wrote the value; others
 * may share the value, and their pointers say so.
 *
 * struct value_ptr_stored, the value of a record of kind RECORD_POINTER:
 *	offset  size  meaning
 *	0       8     file number
 *	8       8     offset of the record in the file
 *	16      8     checksum of the stored value, as in the record
 *	24      4     stored length
 *	28      4     raw length
 *	32      1     codec
 *	33      2     key length of the record when the value is shared: written
 *	              for another key, or the same one at another time; 0: the
 *	              record is of the key that the pointer stands under
 *	35      1     zero
 */
#ifndef LSM_VALUE_FORMAT_H
#define LSM_VALUE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/checksum.h"
#include "base/compiler.h"
#include "base/compress.h"
#include "base/le.h"
#include "base/slice.h"
#include "ttrunks.h"

#define VALUE_MAGIC "TTVL"
#define VALUE_VERSION 1u
#define VALUE_ALIGN 8u

struct value_file_header {
	uint8_t magic[4];
	le32 version;
	le64 features;
	le64 file_no;
	le64 checksum;
};
_Static_assert(sizeof(struct value_file_header) == 32, "value file header");

struct value_record_header {
	le64 checksum;
	le64 ts;
	le64 value_checksum;
	le32 stored_len;
	le32 raw_len;
	le16 key_len;
	uint8_t codec;
	uint8_t zero[5];
};
_Static_assert(sizeof(struct value_record_header) == 40, "value record header");

struct value_ptr_stored {
	le64 file_no;
	le64 offset;
	le64 checksum;
	le32 stored_len;
	le32 raw_len;
	uint8_t codec;
	le16 shared_key_len;
	uint8_t zero;
};
_Static_assert(sizeof(struct value_ptr_stored) == 36, "value pointer layout");

#define VALUE_PTR_LEN (sizeof(struct value_ptr_stored))
#define VALUE_FIRST_OFFSET ((uint64_t)sizeof(struct value_file_header))
/* No file grows beyond; offsets of pointers are below it. */
#define VALUE_FILE_MOST ((uint64_t)1 << 40)

/* A pointer as the engine works with it. */
struct value_ptr {
	uint64_t file_no;
	uint64_t offset;
	uint64_t checksum;
	uint32_t stored_len;
	uint32_t raw_len;
	uint16_t key_len; /* of the record */
	uint8_t codec;
	bool is_shared; /* the record may be of another key */
};

/* Bytes of a value file that a record takes, padding included. */
static inline uint64_t value_record_space(size_t key_len, size_t stored_len)
{
	return ROUND_UP(sizeof(struct value_record_header) + (uint64_t)key_len +
				stored_len,
			(uint64_t)VALUE_ALIGN);
}

/* The same of the record that a pointer names. */
static inline uint64_t value_ptr_space(const struct value_ptr *p)
{
	return value_record_space(p->key_len, p->stored_len);
}

/* Where the stored value itself begins. */
static inline uint64_t value_offset(const struct value_ptr *p)
{
	return p->offset + sizeof(struct value_record_header) + p->key_len;
}

static inline uint64_t value_seed(uint64_t file_no, uint64_t offset)
{
	return ((file_no + 1) * 0x9e3779b97f4a7c15ULL) ^ offset;
}

static inline void value_ptr_encode(const struct value_ptr *p,
				    struct value_ptr_stored *out)
{
	*out = (struct value_ptr_stored){
		.file_no = le64_make(p->file_no),
		.offset = le64_make(p->offset),
		.checksum = le64_make(p->checksum),
		.stored_len = le32_make(p->stored_len),
		.raw_len = le32_make(p->raw_len),
		.codec = p->codec,
		.shared_key_len = le16_make(p->is_shared ? p->key_len : 0),
	};
}

/* Lengths and codec that a record or a pointer can have. */
static inline bool value_lens_are_sound(uint32_t stored_len, uint32_t raw_len,
					uint8_t codec)
{
	if (raw_len > TT_VALUE_MAX || codec >= N_CODECS)
		return false;
	return codec == CODEC_NONE ? stored_len == raw_len
				   : stored_len < raw_len;
}

/* Reads a pointer that has been checked and stands under a key of so many
 * bytes. */
static inline void value_ptr_decode(const void *stored, size_t key_len,
				    struct value_ptr *out)
{
	struct value_ptr_stored s;
	uint16_t shared;

	memcpy(&s, stored, sizeof(s));
	shared = le16_get(s.shared_key_len);
	*out = (struct value_ptr){
		.file_no = le64_get(s.file_no),
		.offset = le64_get(s.offset),
		.checksum = le64_get(s.checksum),
		.stored_len = le32_get(s.stored_len),
		.raw_len = le32_get(s.raw_len),
		.key_len = shared ? shared : (uint16_t)key_len,
		.codec = s.codec,
		.is_shared = shared != 0,
	};
}

/* True when these bytes are a pointer that could be one. */
static inline bool value_ptr_is_sound(const void *stored, size_t len)
{
	const struct value_ptr_stored *s = stored;
	struct value_ptr p;

	if (len != VALUE_PTR_LEN || s->zero)
		return false;
	value_ptr_decode(stored, 0, &p);
	return p.file_no != 0 && p.offset >= VALUE_FIRST_OFFSET &&
	       p.offset % VALUE_ALIGN == 0 && p.offset < VALUE_FILE_MOST &&
	       value_lens_are_sound(p.stored_len, p.raw_len, p.codec);
}

#endif
