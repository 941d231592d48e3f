/* SPDX-License-Identifier: MIT */
#include "lsm/run_iter.h"

#include <stdlib.h>

#include "base/err.h"
#include "lsm/level_iter.h"
#include "lsm/version.h"

struct run_source {
	struct table **tables; /* of the run */
	struct table_cache *cache;
	struct block_cache *blocks;
	unsigned flags;
};

static struct tt_slice source_min_key(void *arg, size_t i)
{
	struct run_source *s = arg;

	return s->tables[i]->desc.min_key;
}

static struct tt_slice source_max_key(void *arg, size_t i)
{
	struct run_source *s = arg;

	return s->tables[i]->desc.max_key;
}

/* The cursor holds a reference of its own, so the pin goes at once. */
static int source_open(void *arg, size_t i, struct rec_iter **out)
{
	struct run_source *s = arg;
	struct sst_reader *reader;
	int r;

	r = table_pin(s->cache, &s->tables[i]->slot, &reader);
	if (r < 0)
		return r;
	r = sst_iter_new(reader, s->blocks, s->flags, out);
	table_unpin(reader);
	return r;
}

int run_iter_new(const struct run *run, uint32_t from, uint32_t to,
		 struct table_cache *tables, struct block_cache *blocks,
		 unsigned flags, struct rec_iter **out)
{
	struct run_source *s = malloc(sizeof(*s));
	struct level_source src = {
		.arg = s,
		.n = to - from,
		.min_key = source_min_key,
		.max_key = source_max_key,
		.open = source_open,
		.release = free,
	};
	int r;

	if (!s)
		return err_nomem("run cursor");
	*s = (struct run_source){ run->tables + from, tables, blocks, flags };
	r = level_iter_new(&src, out);
	if (r < 0)
		free(s);
	return r;
}
