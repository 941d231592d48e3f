/* SPDX-License-Identifier: MIT */
/* Files of separated values. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/env.h"
#include "base/err.h"
#include "lsm/value_reader.h"
#include "tools/dump.h"

static int begins_as_ours(const char *path)
{
	struct env_file *f;
	uint8_t b[4];
	size_t got = 0;
	int r = env_open(env_posix(), path, ENV_READ, &f);

	if (r < 0)
		return r;
	r = env_read(f, 0, b, sizeof(b), &got);
	(void)env_close(f); /* only read from */
	return r < 0 ? r : got == 4 && memcmp(b, VALUE_MAGIC, 4) == 0;
}

static int show_gap(struct dump *d, const struct value_found *gap)
{
	dump_begin(d, "gap");
	dump_uint(d, "offset", gap->offset);
	dump_uint(d, "bytes", gap->space);
	return dump_end(d);
}

static void show_damage(struct dump *d, const struct value_scan *s,
			const struct value_found *rec)
{
	char text[ERR_TEXT_MAX];

	(void)snprintf(text, sizeof(text),
		       "%s: value of %" PRIu32 " bytes at offset %" PRIu64
		       " fails its checksum",
		       s->file->path, rec->ptr.stored_len,
		       value_offset(&rec->ptr));
	dump_damage(d, text);
}

static int show_value(struct dump *d, struct value_scan *s,
		      const struct value_found *rec)
{
	struct buf value = BUF_INIT;
	int r = 0;

	if (!rec->is_sound)
		show_damage(d, s, rec);
	else if (!d->keys_only)
		r = value_scan_value(s, rec, &value);
	if (r < 0)
		goto out;
	dump_begin(d, "value");
	dump_bytes(d, "key", rec->key);
	dump_int(d, "ts", rec->ts);
	dump_uint(d, "offset", rec->offset);
	dump_uint(d, "value_bytes", rec->ptr.raw_len);
	dump_uint(d, "stored_bytes", rec->ptr.stored_len);
	dump_bytes(d, "codec", slice_str(codec_name(rec->ptr.codec)));
	if (rec->is_sound && !d->keys_only)
		dump_bytes(d, "value", buf_slice(&value));
	r = dump_end(d);
out:
	buf_fini(&value);
	return r;
}

static int show_all(struct dump *d, struct value_scan *s)
{
	struct value_found rec;
	int r = 0;

	while (d->n_shown < d->limit && (r = value_scan_next(s, &rec)) == 0) {
		if (rec.is_record) {
			d->n_shown++;
			r = show_value(d, s, &rec);
		} else {
			r = show_gap(d, &rec);
		}
		if (r < 0)
			return r;
	}
	return d->n_shown >= d->limit || r == TT_END ? 0 : r;
}

int dump_values(struct dump *d, const char *path)
{
	struct value_scan s;
	int r = begins_as_ours(path);

	if (r <= 0)
		return r < 0 ? r : TT_NOTFOUND;
	r = value_scan_open(&s, env_posix(), path);
	if (r == TT_ECORRUPT) {
		dump_damage(d, err_text());
		r = 0;
	} else if (r == 0) {
		dump_begin(d, "values");
		dump_bytes(d, "path", slice_str(path));
		dump_uint(d, "file_no", s.no);
		dump_uint(d, "file_bytes", s.file_bytes);
		r = dump_end(d);
		if (r == 0)
			r = show_all(d, &s);
	}
	value_scan_fini(&s);
	return r;
}
