/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a value file: refused, or read without harm, from front to
 * back and through pointers. Each input is tried a second time with its
 * header and the heads of its records made right.
 */
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "fuzz/replay.h"
#include "lsm/value_pass.h"
#include "lsm/value_reader.h"

const struct fuzz_target fuzz_target = {
	.name = "value files",
	.seed_dirs = { "golden/val" },
	.suffix = ".val",
	.n_mutations = 3000,
};

/* As if a table pointed to it. */
static void follow(struct env_file *f, const struct value_found *rec)
{
	struct direct_window w = { .data = NULL };
	struct value_ptr_stored stored;
	struct value_ptr p = rec->ptr;

	(void)value_verify_record(f, &w, &p, rec->key, NULL);
	p.is_shared = true;
	(void)value_verify_record(f, &w, &p, SLICE_EMPTY, NULL);
	p.key_len = (uint16_t)(p.key_len * 3);
	(void)value_verify_record(f, &w, &p, rec->key, NULL);
	p.offset += 8;
	(void)value_verify_record(f, &w, &p, rec->key, NULL);
	p.offset = VALUE_FILE_MOST - 8;
	p.stored_len = p.raw_len = TT_VALUE_MAX;
	(void)value_verify_record(f, &w, &p, rec->key, NULL);
	direct_window_fini(&w);
	value_ptr_encode(&p, &stored);
	stored.codec ^= 1;
	(void)value_ptr_is_sound(&stored, sizeof(stored));
}

/* The check of a file that passes by in pieces counts as odd what the scan
 * does. */
static void pass_by(const uint8_t *data, size_t size, uint64_t no,
		    uint64_t n_odd)
{
	struct value_pass pass;
	size_t at = 0, n = 1 + size % 7;

	if (value_pass_init(&pass, "passing", no) < 0)
		abort();
	for (; at < size; at += n, n = 1 + n * 3 % 4099) {
		n = n < size - at ? n : size - at;
		if (value_pass_add(&pass, at, data + at, n) < 0)
			abort();
	}
	value_pass_end(&pass);
	if (pass.n_odd != n_odd)
		abort();
	value_pass_fini(&pass);
}

static void read_file(const uint8_t *data, size_t size)
{
	struct buf value = BUF_INIT;
	uint64_t n_odd = 0;
	struct value_scan s;
	struct value_found rec;
	uint64_t at = VALUE_FIRST_OFFSET;

	if (value_scan_open(&s, env_posix(), fuzz_file(data, size)) < 0) {
		value_scan_fini(&s);
		return;
	}
	while (value_scan_next(&s, &rec) == 0) {
		/* What is found covers the file without holes. */
		if (rec.offset != at || rec.space == 0)
			abort();
		at += rec.space;
		n_odd += rec.is_sound ? 0 : rec.space;
		if (!rec.is_record)
			continue;
		if (rec.is_sound && rec.ptr.raw_len <= (1u << 20))
			(void)value_scan_value(&s, &rec, &value);
		follow(s.file, &rec);
	}
	pass_by(data, size, s.no, n_odd);
	value_scan_fini(&s);
	buf_fini(&value);
}

/* Makes the checksums right, as far as their places can be told. */
static void reseal(uint8_t *p, size_t size)
{
	size_t at = VALUE_FIRST_OFFSET;
	uint64_t no;

	if (size < VALUE_FIRST_OFFSET)
		return;
	le64_store(p + 24, checksum(p, 24));
	no = le64_load(p + 16);
	while (at + sizeof(struct value_record_header) <= size) {
		size_t key_len = le16_load(p + at + 32);
		size_t stored_len = le32_load(p + at + 24);
		size_t head = sizeof(struct value_record_header) + key_len;

		if (head > size - at)
			return;
		if (stored_len <= size - at - head)
			le64_store(p + at + 16,
				   checksum(p + at + head, stored_len));
		le64_store(p + at, checksum_seeded(p + at + 8, head - 8,
						   value_seed(no, at)));
		at += value_record_space(key_len, stored_len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);

	if (!copy)
		abort();
	read_file(data, size);
	if (size)
		memcpy(copy, data, size);
	reseal(copy, size);
	read_file(copy, size);
	free(copy);
	return 0;
}
