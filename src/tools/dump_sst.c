/* SPDX-License-Identifier: MIT */
/* Tables of this program. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/env.h"
#include "base/err.h"
#include "lsm/block_reader.h"
#include "lsm/sst_format.h"
#include "lsm/sst_reader.h"
#include "tools/dump.h"

/* Whether the index box of the file begins as ours does. */
static int is_table(const char *path)
{
	struct env_file *f;
	uint8_t b[4];
	size_t got = 0;
	uint64_t at;
	int r = env_open(env_posix(), path, ENV_READ, &f);

	if (r < 0)
		return r;
	r = env_read(f, 0, b, 4, &got);
	at = got == 4 ? 8 + (uint64_t)le32_load(b) : 0;
	if (r == 0)
		r = env_read(f, at, b, 4, &got);
	(void)env_close(f); /* only read from */
	if (r < 0)
		return r;
	return got == 4 && memcmp(b, SST_MAGIC, 4) == 0;
}

static int show_header(struct dump *d, const struct sst_info *i)
{
	dump_begin(d, "table");
	dump_bytes(d, "path", slice_str(i->path));
	dump_uint(d, "version", i->version);
	dump_bytes(d, "codec", slice_str(codec_name(i->codec)));
	dump_uint(d, "file_bytes", i->file_bytes);
	dump_uint(d, "header_bytes", i->header_bytes);
	dump_uint(d, "filter_bytes", i->filter_bytes);
	dump_uint(d, "blocks", i->n_blocks);
	dump_uint(d, "raw_bytes", i->raw_bytes);
	dump_uint(d, "records", i->n_records);
	dump_uint(d, "tombstones", i->n_tombstones);
	if (i->n_ranges)
		dump_uint(d, "range_tombstones", i->n_ranges);
	dump_int(d, "min_ts", i->min_ts);
	dump_int(d, "max_ts", i->max_ts);
	dump_bytes(d, "min_key", i->min_key);
	if (!key_is_largest(i->max_key))
		dump_bytes(d, "max_key", i->max_key);
	return dump_end(d);
}

static int show_block(struct dump *d, struct sst_reader *t, uint32_t no)
{
	struct sst_block_info b;

	sst_block_info(t, no, &b);
	dump_begin(d, "block");
	dump_uint(d, "no", no);
	dump_uint(d, "offset", b.offset);
	dump_uint(d, "stored_bytes", b.stored_len);
	dump_uint(d, "raw_bytes", b.raw_len);
	dump_uint(d, "records", b.n_records);
	dump_bytes(d, "separator", b.separator);
	return dump_end(d);
}

static int show_records(struct dump *d, const struct block *b)
{
	struct record rec;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < b->n; i++) {
		block_record(b, i, &rec);
		r = dump_record(d, rec.key, rec.value, rec.ts, rec.kind);
	}
	return r;
}

static int show_blocks(struct dump *d, struct sst_reader *t, uint32_t n)
{
	struct block *b;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < n; i++) {
		r = show_block(d, t, i);
		if (r < 0)
			break;
		r = sst_block(t, NULL, i, true, &b);
		if (r == TT_ECORRUPT) {
			dump_damage(d, err_text());
			r = 0;
			continue;
		}
		if (r < 0)
			break;
		r = show_records(d, b);
		block_unref(b);
	}
	return r == TT_END ? 0 : r;
}

/* The range tombstones as they hold in this table. */
static int show_ranges(struct dump *d, const struct sst_reader *t, uint32_t n)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < n; i++) {
		struct sst_range range;

		sst_range(t, i, &range);
		dump_begin(d, "range_tombstone");
		dump_bytes(d, "lower", range.lower);
		dump_bytes(d, "upper", range.upper);
		dump_int(d, "ts", range.ts);
		r = dump_end(d);
	}
	return r;
}

int dump_table(struct dump *d, const char *path)
{
	struct sst_reader *t;
	struct sst_info info;
	int r = is_table(path);

	if (r <= 0)
		return r < 0 ? r : TT_NOTFOUND;
	r = sst_open(env_posix(), path, 0, &t);
	if (r == TT_ECORRUPT) {
		dump_damage(d, err_text());
		return 0;
	}
	if (r < 0)
		return r;
	sst_info(t, &info);
	r = show_header(d, &info);
	if (r == 0)
		r = show_ranges(d, t, info.n_ranges);
	if (r == 0)
		r = show_blocks(d, t, info.n_blocks);
	sst_close(t);
	return r;
}
