/* SPDX-License-Identifier: MIT */
/* Log segments: every batch, operation by operation. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/env.h"
#include "base/err.h"
#include "base/varint.h"
#include "lsm/batch_format.h"
#include "lsm/record_format.h"
#include "lsm/wal_format.h"
#include "lsm/wal_reader.h"
#include "tools/dump.h"

struct wal_dump {
	struct dump *d;
	const char *path;
};

/* Takes a length and that many bytes off the front. */
static bool take_bytes(struct tt_slice *s, struct tt_slice *out)
{
	uint64_t n;

	if (!slice_take_varint(s, &n) || n > s->len)
		return false;
	*out = slice_first(*s, n);
	*s = slice_skip(*s, n);
	return true;
}

/* 0, TT_END, or TT_ECORRUPT without a text. */
static int show_op(struct dump *d, struct tt_slice *s, int64_t ts)
{
	struct tt_slice key, value = SLICE_EMPTY;
	uint8_t kind;

	if (s->len == 0)
		return TT_ECORRUPT;
	kind = slice_bytes(*s)[0];
	*s = slice_skip(*s, 1);
	if (!record_kind_is_known(kind) || !take_bytes(s, &key))
		return TT_ECORRUPT;
	if (kind != RECORD_TOMBSTONE && !take_bytes(s, &value))
		return TT_ECORRUPT;
	return dump_record(d, key, value, ts, kind);
}

static int show_batch(void *arg, uint64_t lsn, int64_t ts,
		      struct tt_slice payload)
{
	struct wal_dump *w = arg;
	char text[ERR_TEXT_MAX];
	uint32_t n;
	int r;

	if (payload.len < sizeof(struct batch_header))
		n = 0;
	else
		n = le32_load(payload.data);
	dump_begin(w->d, "batch");
	dump_uint(w->d, "offset", wal_lsn_offset(lsn));
	dump_int(w->d, "ts", ts);
	dump_uint(w->d, "bytes", payload.len);
	dump_uint(w->d, "operations", n);
	r = dump_end(w->d);
	if (n == 0 && r == 0)
		r = TT_ECORRUPT;
	if (r == 0)
		payload = slice_skip(payload, sizeof(struct batch_header));
	for (uint32_t i = 0; r == 0 && i < n; i++)
		r = show_op(w->d, &payload, ts);
	if (r == TT_ECORRUPT || (r == 0 && payload.len)) {
		snprintf(text, sizeof(text),
			 "%s: batch at offset %" PRIu32 " is malformed",
			 w->path, wal_lsn_offset(lsn));
		dump_damage(w->d, text);
		r = 0;
	}
	return r;
}

static int is_wal(const char *path)
{
	struct env_file *f;
	uint8_t b[4];
	size_t got = 0;
	int r = env_open(env_posix(), path, ENV_READ, &f);

	if (r < 0)
		return r;
	r = env_read(f, 0, b, 4, &got);
	(void)env_close(f); /* only read from */
	return r < 0 ? r : got == 4 && memcmp(b, WAL_MAGIC, 4) == 0;
}

int dump_wal(struct dump *d, const char *path)
{
	struct wal_dump w = { .d = d, .path = path };
	struct wal_segment_info info;
	int r = is_wal(path);

	if (r <= 0)
		return r < 0 ? r : TT_NOTFOUND;
	/* First what the segment is, without its records. */
	r = wal_read_segment(env_posix(), path, NULL, NULL, &info);
	if (r == TT_ECORRUPT) {
		dump_damage(d, err_text());
		return 0;
	}
	if (r < 0)
		return r;
	dump_begin(d, "segment");
	dump_bytes(d, "path", slice_str(path));
	dump_uint(d, "number", info.segment_no);
	dump_uint(d, "file_bytes", info.file_bytes);
	dump_bool(d, "in_use", info.has_link);
	if (info.has_link) {
		dump_uint(d, "follows_segment", wal_lsn_segment(info.link));
		dump_uint(d, "follows_offset", wal_lsn_offset(info.link));
	}
	dump_uint(d, "batches", info.n_records);
	dump_uint(d, "end_offset", info.end_offset);
	r = dump_end(d);
	if (r == 0)
		r = wal_read_segment(env_posix(), path, show_batch, &w, &info);
	return r == TT_END ? 0 : r;
}
