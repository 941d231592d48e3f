/* SPDX-License-Identifier: MIT */
/*
 * kvbench: the same workloads on ttrunksdb and on its peers. Each engine and
 * group is one child process; rows go to standard output as they come.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "bench/common/disk.h"
#include "bench/common/names.h"
#include "bench/common/turn.h"
#include "engines.h"
#include "groups.h"
#include "keys.h"
#include "options.h"
#include "plot.h"
#include "report.h"
#include "run.h"

enum { EXIT_OK, EXIT_ERRORS, EXIT_USAGE };

static const char *engine_name(unsigned i)
{
	const struct kv_engine *e = engine_at(i);

	return e ? e->name : NULL;
}

static const char *group_name(unsigned i)
{
	const struct group *g = group_at(i);

	return g ? g->name : NULL;
}

static void print_help(void)
{
	puts("Usage: kvbench [OPTION]...\n"
	     "Runs the same workloads on several key-value engines; a row of\n"
	     "tab-separated values each on standard output.\n");
	options_help();
	putchar('\n');
	list_print("Engines", engine_name);
	list_print("Groups", group_name);
	puts("\nExit status: 0 all went well, 1 an operation failed or "
	     "answered wrongly,\n2 wrong usage.");
}

/* ---- measuring --------------------------------------------------------- */

static bool is_chosen_engine(const struct kv_engine *e)
{
	if (list_has(cfg.engines, e->name))
		return true;
	return list_has(cfg.engines, "all") && !e->keeps_nothing;
}

static bool is_chosen_group(const struct group *g)
{
	return list_has(cfg.groups, "all") || list_has(cfg.groups, g->name);
}

static void say_stats(const struct run *r)
{
	char *text = NULL;

	if (r->db && r->engine->property)
		text = r->engine->property(r->db, "stats");
	if (text)
		fprintf(stderr, "--- %s after %s\n%s\n", r->engine->name,
			r->group, text);
	free(text);
}

static const struct group *group_now;

/* In the child. */
static void run_group(struct run *r)
{
	group_now->run(r);
	if (cfg.stats)
		say_stats(r);
}

static bool run_one(const struct kv_engine *e, const struct group *g)
{
	struct run r;
	int turn = turn_begin("kvbench", cfg.lock);
	bool is_ok;

	run_init(&r, e, g->name);
	group_now = g;
	is_ok = disk_remove(r.dir) == 0 && disk_make(r.dir) == 0;
	if (!is_ok)
		fprintf(stderr, "kvbench: %s\n", err_text());
	else
		is_ok = run_apart(run_group, &r) == 0;
	(void)disk_remove(r.dir);
	if (!e->keeps_nothing)
		sync(); /* the next does not pay for it */
	turn_end(turn);
	return is_ok;
}

static bool run_all(void)
{
	bool is_ok = true;

	for (unsigned g = 0; group_at(g); g++) {
		if (!is_chosen_group(group_at(g)))
			continue;
		for (unsigned e = 0; engine_at(e); e++)
			if (is_chosen_engine(engine_at(e)))
				is_ok &= run_one(engine_at(e), group_at(g));
	}
	(void)rmdir(cfg.dir); /* if it was ours alone */
	return is_ok;
}

/* ---- the program ------------------------------------------------------- */

static int check_lists(void)
{
	int r = list_check("engines", cfg.engines, engine_name);

	return r < 0 ? r : list_check("groups", cfg.groups, group_name);
}

static int fail(void)
{
	fprintf(stderr, "kvbench: %s\n", err_text());
	return EXIT_ERRORS;
}

static int plot_saved(void)
{
	FILE *rows = fopen(cfg.input, "re"), *seconds = NULL;
	int r = 0;

	if (!rows)
		r = err_errno(errno, "%s", cfg.input);
	if (r == 0 && *cfg.series) {
		seconds = fopen(cfg.series, "re");
		if (!seconds)
			r = err_errno(errno, "%s", cfg.series);
	}
	if (r == 0)
		r = plot(cfg.plot, rows, cfg.input, seconds, cfg.series);
	if (rows)
		(void)fclose(rows);
	if (seconds)
		(void)fclose(seconds);
	return r < 0 ? fail() : EXIT_OK;
}

static int measure_all(void)
{
	bool is_ok;

	if (report_init() < 0)
		return fail();
	keys_init();
	is_ok = run_all();
	if (!is_ok)
		fputs("kvbench: there were errors\n", stderr);
	if (*cfg.plot && plot(cfg.plot, report_rows(), "results",
			      report_seconds(), "series") < 0)
		return fail();
	return is_ok ? EXIT_OK : EXIT_ERRORS;
}

int main(int argc, char **argv)
{
	if (options_read(argc, argv) < 0 || check_lists() < 0) {
		fprintf(stderr, "kvbench: %s; see --help\n", err_text());
		return EXIT_USAGE;
	}
	if (cfg.help) {
		print_help();
		return EXIT_OK;
	}
	return *cfg.input ? plot_saved() : measure_all();
}
