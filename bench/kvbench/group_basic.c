/* SPDX-License-Identifier: MIT */
/* Filling, reading, overwriting, deleting: what db_bench of LevelDB asks. */
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "groups.h"
#include "measure.h"
#include "ops.h"
#include "options.h"

#define BATCH 1000
#define NO_END (UINT64_MAX / 1024) /* time ends it */

void load(struct run *r, uint64_t from)
{
	uint64_t left = from < r->n ? r->n - from : 0;
	struct job job = {
		.name = "(load)",
		.op = op_batch,
		.order = ORDER_SHUFFLED,
		.first = from,
		.count = left - left % BATCH,
		.batch = BATCH,
		.seed = 1,
		.limit_s = 1e6,
	};

	job_run_quietly(r, job);
	job.op = op_put;
	job.first += job.count;
	job.count = left % BATCH;
	job.batch = 0;
	job_run_quietly(r, job);
}

void group_seq(struct run *r)
{
	run_open(r);
	measure(r, (struct job){
			   .name = "fillseq",
			   .op = op_put,
			   .count = r->n,
			   .settles = true,
		   });
}

void group_batch(struct run *r)
{
	run_open(r);
	measure(r, (struct job){
			   .name = "fillbatch",
			   .op = op_batch,
			   .order = ORDER_SHUFFLED,
			   .count = r->n - r->n % BATCH,
			   .batch = BATCH,
			   .seed = 1,
			   .settles = true,
		   });
}

void group_sync(struct run *r)
{
	static const unsigned threads[] = { 1, 2, 8, 32 };
	struct job job = {
		.name = "fillsync",
		.op = op_put,
		.order = ORDER_RANDOM,
		.count = NO_END,
		.limit_s = cfg.sync_sec,
		.seed = 3,
	};
	char name[32];

	r->sync = true;
	run_open(r);
	measure(r, job);
	job.name = name;
	job.seed = 4;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		snprintf(name, sizeof(name), "mtsync%u", threads[i]);
		job.threads = threads[i];
		measure(r, job);
	}
}

static struct job random_reads(const char *name, op_fn op, uint64_t seed)
{
	return (struct job){
		.name = name,
		.op = op,
		.order = ORDER_RANDOM,
		.count = op == op_seek ? MAX_OF(cfg.reads / 5, 1) : cfg.reads,
		.seed = seed,
	};
}

/* Everything into the block cache, as far as it goes. */
static void warm(struct run *r)
{
	job_run_quietly(r, (struct job){
				   .name = "(warm)",
				   .op = op_get,
				   .count = r->n,
				   .limit_s = 20,
			   });
}

static void read_larger_than_cache(struct run *r)
{
	run_reopen(r, cfg.cache_mb << 20);
	measure(r, random_reads("readrandom(db>cache)", op_get, 11));
	measure(r, random_reads("readmissing", op_get_absent, 12));
	measure_readseq(r, "readseq");
	measure(r, random_reads("seekrandom", op_seek, 13));
}

static void read_cached(struct run *r)
{
	struct job job = random_reads("readrandom2t(db<cache)", op_get, 15);

	run_reopen(r, cfg.big_cache_mb << 20);
	warm(r);
	measure(r, random_reads("readrandom(db<cache)", op_get, 14));
	job.threads = 2;
	measure(r, job);
	measure(r, random_reads("seekrandom(db<cache)", op_seek, 16));
}

/* The reader decides when it is over. */
static void read_while_writing(struct run *r)
{
	_Atomic bool stop = false;
	struct job reader = random_reads("readwhilewriting(R)", op_get, 21);
	struct job writer = reader;

	reader.count = NO_END;
	reader.limit_s = MIN_OF(6, cfg.max_sec);
	reader.stop = &stop;
	reader.stops_others = true;
	writer.name = "readwhilewriting(W)";
	writer.op = op_put;
	writer.seed = 22;
	writer.count = NO_END;
	writer.limit_s = 10 * reader.limit_s;
	writer.stop = &stop;
	measure_pair(r, reader, writer);
}

void group_rand(struct run *r)
{
	struct job fill = {
		.name = "fillrandom",
		.op = op_put,
		.order = ORDER_SHUFFLED,
		.count = r->n,
		.seed = 1,
		.settles = true,
	};
	struct job job = fill;

	run_open(r);
	load(r, measure(r, fill));
	(void)run_settle(r, true);
	read_larger_than_cache(r);
	read_cached(r);
	run_reopen(r, cfg.cache_mb << 20);
	read_while_writing(r);
	job.name = "overwrite";
	job.order = ORDER_RANDOM;
	job.seed = 31;
	measure(r, job);
	job.name = "deleterandom";
	job.op = op_delete;
	job.order = ORDER_SHUFFLED;
	measure(r, job);
}

void group_big(struct run *r)
{
	struct job fill = {
		.name = "bigfill",
		.op = op_put,
		.order = ORDER_SHUFFLED,
		.seed = 1,
		.limit_s = cfg.max_sec * 1.5,
		.settles = true,
	};

	r->n = cfg.big_n;
	r->value_bytes = cfg.big_size;
	fill.count = r->n;
	run_open(r);
	/* What was not filled in time is not loaded: it would take too long,
	 * and reading less than the others is no comparison. */
	if (measure(r, fill) < r->n)
		return;
	run_reopen(r, cfg.cache_mb << 20);
	measure(r, (struct job){
			   .name = "bigreadrandom",
			   .op = op_get,
			   .order = ORDER_RANDOM,
			   .count = MIN_OF(cfg.reads, 50000),
			   .seed = 51,
			   .limit_s = MIN_OF(10, cfg.max_sec),
		   });
}
