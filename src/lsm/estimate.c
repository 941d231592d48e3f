/* SPDX-License-Identifier: MIT */
/*
 * About how much lies in a range of keys. Whole tables are counted by what the
 * version knows of them; of each run at most two, those that the ends of the
 * range fall into, are looked into, and of those only the index.
 */
#include "lsm/db.h"
#include "lsm/sst_index.h"
#include "lsm/sst_reader.h"

struct range {
	struct tt_slice lower, upper; /* empty: unbounded */
};

/* Bytes of the file before the block that `key` falls into (or behind it). */
static uint64_t bytes_before(const struct sst_reader *reader,
			     const struct sst_info *info, struct tt_slice key,
			     bool behind)
{
	const struct sst_index *ix = sst_index_of(reader);
	struct sst_block_ref block;

	if (key_cmp(key, info->min_key) <= 0)
		return 0;
	if (key_cmp(key, info->max_key) > 0)
		return info->file_bytes;
	sst_index_block(ix, sst_index_seek(ix, key, TS_NEWEST), &block);
	return block.offset + (behind ? block.stored_len : 0);
}

/* What part of a table lies in the range, in bytes of its file. */
static int part_of_table(struct tt *db, struct table *t, const struct range *g,
			 uint64_t *out)
{
	struct sst_reader *reader;
	struct sst_info info;
	uint64_t from = 0, to;
	int r = table_pin(db->tables, &t->slot, &reader);

	if (r < 0)
		return r;
	sst_info(reader, &info);
	to = info.file_bytes;
	if (g->lower.len)
		from = bytes_before(reader, &info, g->lower, false);
	if (g->upper.len)
		to = bytes_before(reader, &info, g->upper, true);
	*out = to > from ? to - from : 0;
	table_unpin(reader);
	return 0;
}

static bool is_inside(const struct table *t, const struct range *g)
{
	return (!g->lower.len || key_cmp(t->desc.min_key, g->lower) >= 0) &&
	       (!g->upper.len || key_cmp(t->desc.max_key, g->upper) < 0);
}

/* Keys of a table, as far as its counts tell: a tombstone stands for itself
 * and for what it hides elsewhere. */
static double keys_of(const struct table_desc *d)
{
	return (double)d->n_records - 2 * (double)d->n_tombstones;
}

static int add_run(struct tt *db, const struct run *run, const struct range *g,
		   uint64_t *bytes, double *keys)
{
	uint32_t i = g->lower.len ? run_find(run, g->lower) : 0;

	for (; i < run->n; i++) {
		struct table *t = run->tables[i];
		uint64_t part = t->desc.file_bytes;
		int r = 0;

		if (g->upper.len && key_cmp(t->desc.min_key, g->upper) >= 0)
			break;
		if (!is_inside(t, g))
			r = part_of_table(db, t, g, &part);
		if (r < 0)
			return r;
		*bytes += part;
		*keys += keys_of(&t->desc) * (double)part /
			 (double)t->desc.file_bytes;
	}
	return 0;
}

int tt_estimate(struct tt *db, struct tt_slice lower, struct tt_slice upper,
		struct tt_estimate *out)
{
	const struct range g = { lower, upper };
	struct version *v;
	uint64_t bytes = 0;
	double keys = 0;
	int r = 0;

	v = version_set_current(&db->vs);
	if (lower.len && upper.len && key_cmp(lower, upper) >= 0)
		goto out;
	for (uint32_t i = 0; i < v->n_runs && r == 0; i++)
		r = add_run(db, &v->runs[i], &g, &bytes, &keys);
out:
	version_unref(v);
	if (r < 0)
		return r;
	*out = (struct tt_estimate){
		.disk_bytes = bytes,
		.keys = keys > 0 ? (uint64_t)keys : 0,
	};
	return 0;
}
