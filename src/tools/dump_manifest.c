/* SPDX-License-Identifier: MIT */
/* Manifests, edit by edit, and CURRENT. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/err.h"
#include "lsm/manifest_format.h"
#include "lsm/manifest_reader.h"
#include "tools/dump.h"

static int show_table(struct dump *d, const struct table_desc *t)
{
	dump_begin(d, "add_table");
	dump_uint(d, "file_no", t->file_no);
	dump_uint(d, "level", t->level);
	dump_uint(d, "group", t->group);
	dump_uint(d, "file_bytes", t->file_bytes);
	dump_uint(d, "records", t->n_records);
	dump_uint(d, "tombstones", t->n_tombstones);
	dump_uint(d, "raw_bytes", t->raw_bytes);
	dump_int(d, "min_ts", t->min_ts);
	dump_int(d, "max_ts", t->max_ts);
	dump_bytes(d, "min_key", t->min_key);
	if (!key_is_largest(t->max_key))
		dump_bytes(d, "max_key", t->max_key);
	if (t->n_ranges) {
		dump_uint(d, "range_tombstones", t->n_ranges);
		dump_bool(d, "max_key_included", !t->max_is_open);
	}
	if (t->old.n) {
		dump_uint(d, "old_versions", t->old.n);
		dump_uint(d, "old_bytes", t->old.bytes);
		dump_int(d, "old_until", t->old.until);
	}
	return dump_end(d);
}

/* The value files that the table points into. */
static int show_values(struct dump *d, const struct table_desc *t)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < t->n_values; i++) {
		dump_begin(d, "table_values");
		dump_uint(d, "file_no", t->file_no);
		dump_uint(d, "value_file", t->values[i].file_no);
		dump_uint(d, "bytes", t->values[i].bytes);
		r = dump_end(d);
	}
	return r;
}

static int show_drop(struct dump *d, const char *type, uint64_t file_no)
{
	dump_begin(d, type);
	dump_uint(d, "file_no", file_no);
	return dump_end(d);
}

static int show_named(struct dump *d, const struct value_name *file)
{
	dump_begin(d, "values");
	dump_uint(d, "file_no", file->file_no);
	dump_bool(d, "sealed", file->bytes != 0);
	dump_uint(d, "file_bytes", file->bytes);
	dump_uint(d, "seal", file->seal);
	return dump_end(d);
}

/* Files that come and go, in the order in which they count. */
static int show_files(struct dump *d, const struct version_edit *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < e->n_dropped; i++)
		r = show_drop(d, "drop_table", e->dropped[i]);
	for (size_t i = 0; r == 0 && i < e->n_named_values; i++)
		r = show_named(d, &e->named_values[i]);
	for (size_t i = 0; r == 0 && i < e->n_added; i++) {
		r = show_table(d, &e->added[i]);
		if (r == 0)
			r = show_values(d, &e->added[i]);
	}
	for (size_t i = 0; r == 0 && i < e->n_dropped_values; i++)
		r = show_drop(d, "drop_values", e->dropped_values[i]);
	return r;
}

static int show_edit(void *arg, uint64_t offset, const struct version_edit *e)
{
	struct dump *d = arg;
	int r;

	if (d->n_shown >= d->limit)
		return TT_END;
	d->n_shown++;
	dump_begin(d, "edit");
	dump_uint(d, "offset", offset);
	if (e->has_next_file_no)
		dump_uint(d, "next_file_no", e->next_file_no);
	if (e->has_replay_from) {
		dump_uint(d, "replay_from_segment", e->replay_from >> 32);
		dump_uint(d, "replay_from_offset", (uint32_t)e->replay_from);
	}
	if (e->has_last_ts)
		dump_int(d, "last_ts", e->last_ts);
	if (e->has_next_group)
		dump_uint(d, "next_group", e->next_group);
	if (e->has_complete_from)
		dump_int(d, "complete_from", e->complete_from);
	if (e->merge_name.text[0])
		dump_bytes(d, "merge_function", slice_str(e->merge_name.text));
	dump_uint(d, "tables_dropped", e->n_dropped);
	dump_uint(d, "tables_added", e->n_added);
	dump_uint(d, "value_files_named", e->n_named_values);
	dump_uint(d, "value_files_dropped", e->n_dropped_values);
	r = dump_end(d);
	return r < 0 ? r : show_files(d, e);
}

/* Whether the file begins with `magic`. */
static int begins_with(const char *path, struct tt_slice magic)
{
	struct env_file *f;
	uint8_t b[32];
	size_t got = 0;
	int r = env_open(env_posix(), path, ENV_READ, &f);

	if (r < 0)
		return r;
	r = env_read(f, 0, b, magic.len, &got);
	(void)env_close(f); /* only read from */
	return r < 0 ? r : slice_eq(SLICE(b, got), magic);
}

int dump_manifest(struct dump *d, const char *path)
{
	struct manifest_end end;
	int r = begins_with(path, SLICE_LIT(MANIFEST_MAGIC));

	if (r <= 0)
		return r < 0 ? r : TT_NOTFOUND;
	dump_begin(d, "manifest");
	dump_bytes(d, "path", slice_str(path));
	r = dump_end(d);
	if (r == 0)
		r = manifest_read(env_posix(), path, show_edit, d, &end);
	if (r == TT_END)
		return 0;
	if (r == TT_ECORRUPT) {
		dump_damage(d, err_text());
		return 0;
	}
	if (r < 0)
		return r;
	dump_begin(d, "end");
	dump_uint(d, "offset", end.end);
	dump_uint(d, "edits", end.n_records);
	dump_bool(d, "torn", end.is_torn);
	return dump_end(d);
}

int dump_current(struct dump *d, const char *path)
{
	struct buf text = BUF_INIT;
	uint64_t no;
	char *dir;
	int r = begins_with(path, SLICE_LIT(CURRENT_MAGIC));

	if (r <= 0)
		return r < 0 ? r : TT_NOTFOUND;
	r = env_read_file(env_posix(), path, CURRENT_MAX, &text);
	if (r == 0) {
		dump_begin(d, "current");
		dump_bytes(d, "path", slice_str(path));
		dump_bytes(d, "text", buf_slice(&text));
		r = dump_end(d);
	}
	buf_fini(&text);
	dir = env_dir_name(path);
	if (!dir)
		return err_nomem("a path");
	if (r == 0) {
		r = current_read(env_posix(), dir, &no);
		if (r == TT_ECORRUPT) {
			dump_damage(d, err_text());
			r = 0;
		}
	}
	free(dir);
	return r;
}
