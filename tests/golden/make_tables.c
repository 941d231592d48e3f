/* SPDX-License-Identifier: MIT */
/*
 * make_tables DIR: writes the pinned tables anew, one per codec, and
 * records.txt, what is in each of them; and tables of what else can be in one.
 * Those without a codec must come out byte for byte as they are pinned; with a
 * codec the bytes may change with its library, and what counts is that the
 * pinned file is still read.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/err.h"
#include "lsm/operand.h"
#include "lsm/range_set.h"
#include "lsm/sst_writer.h"
#include "lsm/value_log.h"

#define N_KEYS 150

static int fail(void)
{
	fprintf(stderr, "make_tables: %s\n", err_text());
	return 1;
}

/* Record `v` of key `i`, in `space`. */
static struct record make_record(unsigned i, unsigned v, char *space)
{
	struct record r = { .ts = 1700000000000000 + 1000 * i - v };
	int n;

	if (i == 0) /* the empty key */
		r.key = SLICE(space, 0);
	else if (i % 10 == 3) /* bytes that are no text */
		r.key = SLICE(space,
			      (size_t)snprintf(space, 64, "key%04u", i) + 3);
	else
		r.key = SLICE(space, (size_t)snprintf(space, 64, "key%04u", i));
	if (i % 10 == 3)
		memcpy(space + 7, "\x00\xff\x80", 3);
	space += 64;
	if (i % 7 == 5 && v == 0) {
		r.kind = RECORD_TOMBSTONE;
		return r;
	}
	n = snprintf(space, 128, "value %u of key %u ", v, i);
	memset(space + n, 'a' + (int)(i % 26), 60);
	r.value = SLICE(space, (size_t)n + 60);
	if (i % 11 == 1)
		r.value.len = 0;
	return r;
}

static void print_hex(FILE *f, struct tt_slice s)
{
	const uint8_t *p = s.data;

	if (s.len == 0)
		fputs("-", f);
	for (size_t i = 0; i < s.len; i++)
		fprintf(f, "%02x", p[i]);
}

/* Adds to the table and, where there is a list, to that. */
static int add_record(FILE *list, struct sst_writer *w, const struct record *r)
{
	if (sst_writer_add(w, r) < 0)
		return -1;
	if (!list)
		return 0;
	fprintf(list, "%" PRId64 " %u ", r->ts, r->kind);
	print_hex(list, r->key);
	fputc(' ', list);
	print_hex(list, r->value);
	fputc('\n', list);
	return 0;
}

static int write_records(FILE *list, struct sst_writer *w)
{
	char space[512];

	for (unsigned i = 0; i < N_KEYS; i++) {
		/* One key has enough versions to fill several blocks. */
		unsigned n = i == 77 ? 40 : 1 + i % 3;

		for (unsigned v = 0; v < n; v++) {
			struct record r = make_record(i, v, space);

			if (add_record(list, w, &r) < 0)
				return -1;
		}
	}
	return 0;
}

/* A patch, and a patch behind an operand of the merge function, over values. */
static int write_merges(FILE *list, struct sst_writer *w)
{
	char space[512];

	for (unsigned i = 1; i < 20; i++) {
		struct operand ops[2] = {
			{ OPERAND_MERGE, 0, SLICE_LIT("operand") },
			{ OPERAND_PATCH, 3 * i, SLICE_LIT("patch") },
		};
		struct record base = make_record(i, 1, space), r = base;
		struct buf value = BUF_INIT;
		int rc = 0;

		for (unsigned k = i % 2; k < 2 && rc == 0; k++)
			rc = operand_append(&value, &ops[k]);
		r.kind = RECORD_MERGE;
		r.value = buf_slice(&value);
		r.ts += 500;
		if (rc == 0)
			rc = add_record(list, w, &r);
		if (rc == 0 && i % 3)
			rc = add_record(list, w, &base);
		buf_fini(&value);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Enough text of a kind for a dictionary to pay. */
static int write_texts(FILE *list, struct sst_writer *w)
{
	static const char *const words[] = { "ledger", "trunk",	 "water",
					     "bucket", "gasket", "carries" };
	char key[32], value[256];

	for (unsigned i = 0; i < 400; i++) {
		struct record r = { .ts = 1700000000000000 + i };

		r.key = SLICE(key, (size_t)snprintf(key, sizeof(key),
						    "orders/%06u", i));
		r.value = SLICE(
			value,
			(size_t)snprintf(
				value, sizeof(value),
				"{\"id\":%u,\"state\":\"%s\",\"total\":%u,"
				"\"note\":\"%s before the %s forgets\"}",
				i, i % 3 ? "new" : "paid", i * 7919 % 9973,
				words[i % 6], words[i / 6 % 6]));
		if (add_record(list, w, &r) < 0)
			return -1;
	}
	return 0;
}

/* Range tombstones: two of different times on one key, one behind a value of
 * its own batch, and one that goes on where the table ends. */
static int write_ranges(FILE *list, struct sst_writer *w)
{
	static const struct {
		unsigned from, to;
		int64_t dt; /* from the timestamp of the first key */
	} rows[] = {
		{ 3, 9, 900 },
		{ 3, 7, 500 },
		{ 10, 20, 0 },
		{ 30, 0, 800 },
	};
	struct range_del dels[ARRAY_LEN(rows)];
	char space[512], keys[2 * ARRAY_LEN(rows)][32];
	size_t at = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(keys[2 * i], 32, "key%04u", rows[i].from);
		snprintf(keys[2 * i + 1], 32, "key%04u", rows[i].to);
		dels[i].start = slice_str(keys[2 * i]);
		dels[i].end =
			rows[i].to ? slice_str(keys[2 * i + 1]) : SLICE_EMPTY;
		dels[i].ts =
			make_record(rows[i].from, 0, space).ts + rows[i].dt;
	}
	for (unsigned i = 1; i < 40; i++) {
		struct record r = make_record(i, 0, space);

		for (; at < ARRAY_LEN(dels) &&
		       record_cmp_at(dels[at].start, dels[at].ts, r.key, r.ts) <
			       0;
		     at++) {
			const struct record d = { dels[at].start, dels[at].end,
						  dels[at].ts, RECORD_RANGE };

			if (add_record(list, w, &d) < 0)
				return -1;
		}
		if (add_record(list, w, &r) < 0)
			return -1;
	}
	dels[3].end = SLICE_LIT("key0039\0");
	return sst_writer_set_ranges(w, dels, ARRAY_LEN(dels));
}

/* ---- values ------------------------------------------------------------ */

static uint64_t next_value_file;

static uint64_t new_file_no(void *arg)
{
	(void)arg;
	return next_value_file++;
}

static int name_file(void *arg, const struct value_name *name, bool *is_refused)
{
	(void)arg;
	(void)name;
	(void)is_refused;
	return 0;
}

static void wake(void *arg)
{
	(void)arg;
}

/* What was written for each key, for others to share. */
#define N_VALUES 40
static struct value_ptr written[N_VALUES];

/* Text that shrinks, of a length that follows from `i`. */
static struct tt_slice make_value(unsigned i, char *space)
{
	size_t len = i % 5 ? 300 + 97 * (size_t)i : i;

	for (size_t at = 0; at < len; at++)
		space[at] = (char)('a' + (at / 7 + i) % 26);
	return SLICE(space, len);
}

static void list_record(FILE *list, const struct record *r,
			struct tt_slice value)
{
	fprintf(list, "%" PRId64 " %u ", r->ts, r->kind);
	print_hex(list, r->key);
	fputc(' ', list);
	print_hex(list, value);
	fputc('\n', list);
}

/* One record that points to its value, or (every fourth) has it. */
static int write_value(FILE *list, struct sst_writer *w, struct value_log *l,
		       unsigned i)
{
	struct record r = { .ts = 1700000000000000 + i };
	struct value_ptr_stored stored;
	char key[32], space[8192];
	struct value_file *file;
	struct value_ptr ptr;
	struct tt_slice value = make_value(i, space);
	int rc = 0;

	r.key = SLICE(key, (size_t)snprintf(key, sizeof(key), "file%04u", i));
	r.value = value;
	if (i % 4) {
		rc = value_log_put(l, VALUE_STREAM_MOVED, r.key,
				   i % 3 ? r.ts : 0, value, &ptr, &file);
		if (rc < 0)
			return rc;
		value_file_unuse(file);
		written[i] = ptr;
		value_ptr_encode(&ptr, &stored);
		r.kind = RECORD_POINTER;
		r.value = SLICE(&stored, sizeof(stored));
	}
	rc = sst_writer_add(w, &r);
	if (rc < 0)
		return rc;
	list_record(list, &r, value);
	return 0;
}

/* Records of other keys, shorter and longer ones, that share the values. */
static int write_shared(FILE *list, struct sst_writer *w)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < N_VALUES; i++) {
		struct record r = { .ts = 1700000001000000 + i,
				    .kind = RECORD_POINTER };
		struct value_ptr_stored stored;
		char key[32], space[8192];

		if (!written[i].file_no)
			continue;
		written[i].is_shared = true;
		value_ptr_encode(&written[i], &stored);
		r.key = SLICE(key,
			      (size_t)snprintf(key, sizeof(key), "%04u%s", i,
					       i % 2 ? "" : " is a copy"));
		r.value = SLICE(&stored, sizeof(stored));
		rc = sst_writer_add(w, &r);
		if (rc == 0)
			list_record(list, &r, make_value(i, space));
	}
	return rc;
}

/* DIR/NAME.sst, and DIR/val/NNNNNN.val of number `no`; DIR/values.txt tells
 * what both stand for. */
static int make_values(const char *dir, const char *name, enum codec codec,
		       uint64_t no)
{
	const struct value_log_options lo = {
		.env = env_posix(),
		.dir = dir,
		.file_bytes = 1 << 20,
		.max_open = 4,
		.codec = codec,
		.hooks = { NULL, new_file_no, name_file, wake },
	};
	const struct sst_writer_options wo = { .block_bytes = 1024,
					       .bloom_bits = 10 };
	char path[4096], tmp[4200];
	struct value_log *l;
	struct sst_writer *w;
	FILE *f;
	int r;

	next_value_file = no;
	snprintf(path, sizeof(path), "%s/values.txt", dir);
	f = fopen(path, "w");
	if (!f)
		return err_errno(errno, "%s", path);
	snprintf(path, sizeof(path), "%s/%s.sst", dir, name);
	snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	r = value_log_new(&lo, &l);
	if (r == 0)
		r = sst_writer_new(&wo, &w);
	for (unsigned i = 0; r == 0 && i < N_VALUES; i++)
		r = write_value(f, w, l, i);
	if (r == 0)
		r = sst_writer_finish(w, env_posix(), tmp, path, NULL);
	if (fclose(f) != 0)
		r = err_errno(errno, "values.txt");
	sst_writer_free(w);
	value_log_free(l);
	return r;
}

/* DIR/NAME.sst of what `write` writes; DIR/LIST, if not NULL, tells of it. */
static int make_table(const char *dir, const char *name, enum codec codec,
		      int (*write)(FILE *list, struct sst_writer *w),
		      const char *list)
{
	struct sst_writer_options o = { .codec = codec,
					.block_bytes = 1024,
					.bloom_bits = 10,
					.with_dict = write == write_texts };
	char path[4096], tmp[4200];
	struct sst_writer *w;
	FILE *f = NULL;
	int r;

	if (list) {
		snprintf(path, sizeof(path), "%s/%s", dir, list);
		f = fopen(path, "w");
		if (!f)
			return err_errno(errno, "%s", path);
	}
	snprintf(path, sizeof(path), "%s/%s.sst", dir, name);
	snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	r = sst_writer_new(&o, &w);
	if (r == 0)
		r = write(f, w);
	if (r == 0)
		r = sst_writer_finish(w, env_posix(), tmp, path, NULL);
	if (f && fclose(f) != 0)
		r = err_errno(errno, "%s", list);
	sst_writer_free(w);
	return r;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: make_tables DIR\n");
		return 2;
	}
	for (enum codec c = 0; c < N_CODECS; c++)
		if (make_table(argv[1], codec_name(c), c, write_records,
			       c == CODEC_NONE ? "records.txt" : NULL) < 0)
			return fail();
	if (make_table(argv[1], "merges", CODEC_NONE, write_merges,
		       "merges.txt") < 0 ||
	    make_table(argv[1], "ranges", CODEC_NONE, write_ranges,
		       "ranges.txt") < 0)
		return fail();
	if (make_table(argv[1], "dict", CODEC_ZSTD, write_texts, "texts.txt") <
	    0)
		return fail();
	if (make_values(argv[1], "values", CODEC_NONE, 7) < 0 ||
	    make_table(argv[1], "shared", CODEC_NONE, write_shared,
		       "shared.txt") < 0 ||
	    make_values(argv[1], "values_lz4", CODEC_LZ4, 8) < 0)
		return fail();
	return 0;
}
