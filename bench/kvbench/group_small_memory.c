/* SPDX-License-Identifier: MIT */
/*
 * A store four times as large as all memory that its process may have, page
 * cache included: every engine must read from the disk then, also one that
 * maps its file.
 */
#include <stdio.h>

#include "base/compiler.h"
#include "base/err.h"
#include "cgroup.h"
#include "groups.h"
#include "measure.h"
#include "ops.h"
#include "options.h"

#define STORE_TIMES 4
/* Parts of memory: several write buffers may exist at a time. */
#define WRITE_BUFFER_PART 16
#define CACHE_PART 4

static struct cgroup cgroup;

static void work(struct run *r)
{
	struct job fill = {
		.name = "smallmemfill",
		.op = op_put,
		.order = ORDER_SHUFFLED,
		.count = r->n,
		.seed = 1,
		.settles = true,
	};

	if (cgroup_enter(&cgroup) < 0)
		run_fail(r, err_text());
	run_open(r);
	load(r, measure(r, fill));
	(void)run_settle(r, true);
	run_reopen(r, r->cache_bytes);
	measure(r, (struct job){
			   .name = "smallmemread",
			   .op = op_get,
			   .order = ORDER_RANDOM,
			   .count = cfg.reads,
			   .seed = 11,
		   });
}

/* What the kernel allowed is what it used, page cache and all; a peak far
 * under the limit would mean that the limit did not matter. */
static void say_peak(const struct run *r)
{
	double peak = (double)cgroup_peak_bytes(&cgroup) / (1 << 20);

	if (peak > 0)
		fprintf(stderr,
			"kvbench: %s small-memory: %.1f MiB of %.1f used at "
			"most, page cache included\n",
			r->engine->name, peak,
			(double)cfg.memory_limit / (1 << 20));
}

void group_small_memory(struct run *r)
{
	int status;

	if (cgroup_new(&cgroup, cfg.cgroup, cfg.memory_limit) < 0) {
		fprintf(stderr, "kvbench: %s small-memory: skipped: %s\n",
			r->engine->name, err_text());
		return;
	}
	r->n = STORE_TIMES * cfg.memory_limit / (cfg.key_size + r->value_bytes);
	r->cache_bytes = cfg.memory_limit / CACHE_PART;
	r->write_buffer_bytes = cfg.memory_limit / WRITE_BUFFER_PART;
	status = run_apart(work, r);
	say_peak(r);
	cgroup_remove(&cgroup);
	r->n_errors += status != 0;
}
