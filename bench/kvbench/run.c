/* SPDX-License-Identifier: MIT */
#include "run.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mutex.h"
#include "bench/common/apart.h"
#include "bench/common/settle.h"
#include "options.h"

#define BLOOM_BITS 10

void run_init(struct run *r, const struct kv_engine *engine, const char *group)
{
	memset(r, 0, sizeof(*r));
	r->engine = engine;
	r->group = group;
	snprintf(r->dir, sizeof(r->dir), "%s/%s-%s", cfg.dir, engine->name,
		 group);
	r->n = cfg.n;
	r->value_bytes = cfg.value_size;
	r->cache_bytes = cfg.cache_mb << 20;
	r->write_buffer_bytes = cfg.write_buffer_mb << 20;
}

_Noreturn void run_fail(const struct run *r, const char *text)
{
	fprintf(stderr, "kvbench: %s %s: %s\n", r->engine->name, r->group,
		text);
	(void)fflush(stdout);
	_exit(1);
}

void run_open(struct run *r)
{
	struct kv_opts o = {
		.dir = r->dir,
		.cache_bytes = r->cache_bytes,
		.write_buffer_bytes = r->write_buffer_bytes,
		.memory_bytes = r->memory_bytes,
		/* What is mapped has holes and old copies. */
		.map_bytes = 4 * r->n * (cfg.key_size + r->value_bytes) +
			     ((size_t)4 << 30),
		.bloom_bits = BLOOM_BITS,
		.compression = strcmp(cfg.compression, "lz4") ? KV_COMP_NONE
							      : KV_COMP_LZ4,
		.sync = r->sync,
		.max_threads = MAX_THREADS,
	};

	r->db = r->engine->open(&o);
	if (!r->db)
		run_fail(r, "cannot open the store");
}

void run_close(struct run *r)
{
	if (r->db)
		r->engine->close(r->db);
	r->db = NULL;
}

void run_reopen(struct run *r, uint64_t cache_bytes)
{
	run_close(r);
	r->cache_bytes = cache_bytes;
	run_open(r);
	(void)run_settle(r, false);
}

double run_settle(struct run *r, bool flush)
{
	uint64_t start = mono_ns();
	double flushing;

	if (r->engine->keeps_nothing)
		return 0; /* and so has nothing left to do */
	if (flush && r->engine->flush(r->db) < 0)
		r->n_errors++;
	flushing = (double)(mono_ns() - start) / 1e9;
	return (flushing > 0.005 ? flushing : 0) + settle(0);
}

struct child {
	void (*fn)(struct run *r);
	struct run *r;
};

static int be_child(void *arg)
{
	struct child *c = arg;

	c->fn(c->r);
	run_close(c->r);
	return c->r->n_errors ? 1 : 0;
}

int run_apart(void (*fn)(struct run *r), struct run *r)
{
	struct child c = { fn, r };
	char what[128];

	(void)snprintf(what, sizeof(what), "%s %s", r->engine->name, r->group);
	return apart(be_child, &c, "kvbench", what);
}
