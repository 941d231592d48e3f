/* SPDX-License-Identifier: MIT */
/*
 * tt_stats_text(): the statistics that a person asks for first, put together
 * from what tt_stats_each() shows, so that there is one source of figures.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "lsm/version.h"

/* The figures that the text is made of. */
/* clang-format off */
#define FIGURES(X) \
	X(disk_bytes, "disk_bytes") \
	X(estimated_keys, "estimated_keys") \
	X(memtable_bytes, "memtable.bytes") \
	X(memtable_records, "memtable.records") \
	X(memtable_immutable, "memtable.immutable") \
	X(cache_bytes, "cache.bytes") \
	X(cache_capacity, "cache.capacity") \
	X(cache_hits, "cache.hits") \
	X(cache_misses, "cache.misses") \
	X(tables_open, "tables.open") \
	X(tables_memory, "tables.memory") \
	X(wal_disk_bytes, "wal.disk_bytes") \
	X(wal_syncs, "wal.syncs") \
	X(writes, "writes") \
	X(write_bytes, "write_bytes") \
	X(gets, "gets") \
	X(get_hits, "get_hits") \
	X(seeks, "seeks") \
	X(flushes, "flushes") \
	X(flush_bytes, "flush_bytes") \
	X(compactions, "compactions") \
	X(compaction_read_bytes, "compaction_read_bytes") \
	X(compaction_write_bytes, "compaction_write_bytes") \
	X(compaction_debt, "compaction_debt") \
	X(stalls, "stalls") \
	X(stall_us, "stall_us") \
	X(snapshots, "snapshots") \
	X(failed, "failed")
/* clang-format on */

struct figures {
#define X(field, name) uint64_t field;
	FIGURES(X)
#undef X
	uint64_t level_files[N_LEVELS];
	uint64_t level_bytes[N_LEVELS];
};

/* "level3.bytes" */
static void take_level(struct figures *f, const char *name, uint64_t value)
{
	unsigned level = (unsigned)(name[0] - '0');

	if (level >= N_LEVELS)
		return;
	if (strcmp(name + 1, ".files") == 0)
		f->level_files[level] = value;
	else if (strcmp(name + 1, ".bytes") == 0)
		f->level_bytes[level] = value;
}

static void take(void *arg, const char *name, uint64_t value, const char *help)
{
	struct figures *f = arg;

	(void)help;
	name += strlen("engine.");
	if (strncmp(name, "level", 5) == 0)
		take_level(f, name + 5, value);
#define X(field, text)               \
	if (strcmp(name, text) == 0) \
		f->field = value;
	FIGURES(X)
#undef X
}

static double mib(uint64_t bytes)
{
	return (double)bytes / (1 << 20);
}

static double percent(uint64_t part, uint64_t rest)
{
	return part + rest ? 100.0 * (double)part / (double)(part + rest) : 0;
}

static int put_levels(const struct figures *f, struct buf *out)
{
	int r = buf_printf(out, "level     tables          MiB\n");

	for (unsigned i = 0; i < N_LEVELS && r == 0; i++)
		if (f->level_files[i])
			r = buf_printf(out, "%5u %10" PRIu64 " %12.1f\n", i,
				       f->level_files[i],
				       mib(f->level_bytes[i]));
	return r;
}

static int put_memory(const struct figures *f, struct buf *out)
{
	return buf_printf(out,
			  "memtables    %.1f MiB, %" PRIu64 " records, %" PRIu64
			  " waiting for a flush\n"
			  "block cache  %.1f of %.1f MiB, %.1f %% hits\n"
			  "open tables  %" PRIu64 ", %.1f MiB\n",
			  mib(f->memtable_bytes), f->memtable_records,
			  f->memtable_immutable, mib(f->cache_bytes),
			  mib(f->cache_capacity),
			  percent(f->cache_hits, f->cache_misses),
			  f->tables_open, mib(f->tables_memory));
}

static int put_work(const struct figures *f, struct buf *out)
{
	double amplification =
		f->flush_bytes
			? (double)(f->flush_bytes + f->compaction_write_bytes) /
				  (double)f->flush_bytes
			: 0;

	return buf_printf(out,
			  "writes       %" PRIu64 ", %.1f MiB, %" PRIu64
			  " syncs; delayed %" PRIu64 " times, %.1f s\n"
			  "reads        %" PRIu64
			  " gets, %.1f %% found, %" PRIu64 " seeks\n"
			  "flushes      %" PRIu64 ", %.1f MiB\n"
			  "compactions  %" PRIu64
			  ", %.1f MiB read, %.1f MiB written, %.1f MiB behind\n"
			  "amplification of writes to tables %.1f\n",
			  f->writes, mib(f->write_bytes), f->wal_syncs,
			  f->stalls, (double)f->stall_us / 1e6, f->gets,
			  percent(f->get_hits, f->gets - f->get_hits), f->seeks,
			  f->flushes, mib(f->flush_bytes), f->compactions,
			  mib(f->compaction_read_bytes),
			  mib(f->compaction_write_bytes),
			  mib(f->compaction_debt), amplification);
}

int tt_stats_text(struct tt *db, char **out)
{
	struct figures f = { 0 };
	struct buf text = BUF_INIT;
	int r;

	tt_stats_each(db, take, &f);
	r = put_levels(&f, &text);
	if (r == 0)
		r = buf_printf(&text,
			       "on disk      %.1f MiB, %.1f of them log; about "
			       "%" PRIu64 " keys, %" PRIu64 " snapshots%s\n",
			       mib(f.disk_bytes), mib(f.wal_disk_bytes),
			       f.estimated_keys, f.snapshots,
			       f.failed ? "; background work has FAILED" : "");
	if (r == 0)
		r = put_memory(&f, &text);
	if (r == 0)
		r = put_work(&f, &text);
	if (r == 0)
		r = buf_append_byte(&text, '\0');
	if (r == 0) {
		*out = (char *)buf_steal(&text, NULL);
		if (!*out)
			r = err_nomem("statistics");
	}
	buf_fini(&text);
	return r;
}
