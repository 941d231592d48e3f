/* SPDX-License-Identifier: MIT */
/*
 * make_tables DIR: writes the pinned tables anew, one per codec, and
 * records.txt, what is in each of them. `none.sst` must come out byte for
 * byte as it is pinned; with a codec the bytes may change with its library,
 * and what counts is that the pinned file is still read.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/err.h"
#include "lsm/sst_writer.h"

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

static int write_records(FILE *f, struct sst_writer *w)
{
	char space[512];

	for (unsigned i = 0; i < N_KEYS; i++) {
		/* One key has enough versions to fill several blocks. */
		unsigned n = i == 77 ? 40 : 1 + i % 3;

		for (unsigned v = 0; v < n; v++) {
			struct record r = make_record(i, v, space);

			if (sst_writer_add(w, &r) < 0)
				return -1;
			if (!f)
				continue;
			fprintf(f, "%" PRId64 " %u ", r.ts, r.kind);
			print_hex(f, r.key);
			fputc(' ', f);
			print_hex(f, r.value);
			fputc('\n', f);
		}
	}
	return 0;
}

static int make_table(const char *dir, enum codec codec)
{
	struct sst_writer_options o = { .codec = codec,
					.block_bytes = 1024,
					.bloom_bits = 10 };
	char path[4096], tmp[4200];
	struct sst_writer *w;
	FILE *f = NULL;
	int r;

	if (codec == CODEC_NONE) {
		snprintf(path, sizeof(path), "%s/records.txt", dir);
		f = fopen(path, "w");
		if (!f)
			return err_errno(errno, "%s", path);
	}
	snprintf(path, sizeof(path), "%s/%s.sst", dir, codec_name(codec));
	snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	r = sst_writer_new(&o, &w);
	if (r == 0)
		r = write_records(f, w);
	if (r == 0)
		r = sst_writer_finish(w, env_posix(), tmp, path, NULL);
	if (f && fclose(f) != 0)
		r = err_errno(errno, "records.txt");
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
		if (make_table(argv[1], c) < 0)
			return fail();
	return 0;
}
