/* SPDX-License-Identifier: MIT */
/*
 * fsbench: the same work on ttrunksfs and on other file systems. Each file
 * system and group is one child process with a mount of its own; rows go to
 * standard output as they come.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/err.h"
#include "bench/common/bars.h"
#include "bench/common/disk.h"
#include "bench/common/names.h"
#include "bench/common/sheet.h"
#include "bench/common/turn.h"
#include "groups.h"
#include "options.h"
#include "report.h"
#include "run.h"

enum { EXIT_OK, EXIT_ERRORS, EXIT_USAGE };

static void print_help(void)
{
	puts("Usage: fsbench [OPTION]...\n"
	     "Does the same work on several file systems, which it mounts; a "
	     "row of\ntab-separated values each on standard output. Root, for "
	     "cold rows.\n");
	options_help();
	putchar('\n');
	list_print("File systems", subject_name);
	list_print("Groups", group_name);
	puts("\nExit status: 0 all went well, 1 an operation failed or "
	     "answered wrongly,\n2 wrong usage.");
}

/* ---- measuring ------------------------------------------------------------ */

/* 1 chosen, 0 not; -1: asked for by name and not there. */
static int is_chosen(const struct subject *s)
{
	char program[4096];
	bool is_named = list_has(cfg.subjects, s->name);

	if (!is_named && !list_has(cfg.subjects, "all"))
		return 0;
	if (subject_program(s, program))
		return 1;
	fprintf(stderr, "fsbench: %s: there is no program %s\n", s->name,
		s->program);
	return is_named ? -1 : 0;
}

static bool is_chosen_group(const struct group *g)
{
	return list_has(cfg.groups, "all") || list_has(cfg.groups, g->name);
}

static bool run_one(const struct subject *s, const struct group *g)
{
	int turn = turn_begin("fsbench", cfg.lock);
	struct run r;
	bool is_ok;

	run_init(&r, s, g->name);
	is_ok = disk_remove(r.dir) == 0;
	if (is_ok)
		is_ok = run_apart(g->run, &r);
	else
		fprintf(stderr, "fsbench: %s\n", err_text());
	is_ok &= disk_remove(r.dir) == 0;
	sync(); /* the next does not pay for it */
	turn_end(turn);
	return is_ok;
}

static bool run_group(const struct group *g, const int *chosen)
{
	bool is_ok = true;

	if (g->prepare && g->prepare() < 0) {
		fprintf(stderr, "fsbench: %s: %s\n", g->name, err_text());
		return false;
	}
	for (unsigned i = 0; subject_at(i); i++)
		if (chosen[i] > 0)
			is_ok &= run_one(subject_at(i), g);
	return is_ok;
}

static bool run_all(void)
{
	int chosen[16] = { 0 };
	char tree[4096];
	bool is_there = true, is_ok;

	for (unsigned i = 0; subject_at(i); i++) {
		chosen[i] = is_chosen(subject_at(i));
		is_there &= chosen[i] >= 0;
	}
	is_ok = is_there;
	for (unsigned g = 0; is_there && group_at(g); g++)
		if (is_chosen_group(group_at(g)))
			is_ok &= run_group(group_at(g), chosen);
	snprintf(tree, sizeof(tree), "%s/tree", cfg.dir);
	(void)disk_remove(tree);
	(void)rmdir(cfg.dir); /* if it was ours alone */
	return is_ok;
}

/* ---- charts --------------------------------------------------------------- */

static int draw(const struct sheet *s)
{
	static const struct {
		const char *file, *title, *column;
	} charts[] = {
		{ "wall", "Time per operation, \302\265s (less is better)",
		  "us_op" },
		{ "daemon",
		  "Processor time of the daemon per operation, \302\265s (less "
		  "is better)",
		  "daemon_us_op" },
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(charts) && r == 0; i++)
		r = plot_bars(cfg.plot, charts[i].file, charts[i].title, s,
			      "fs", charts[i].column);
	return r;
}

static int plot(FILE *rows, const char *name)
{
	struct sheet s;
	int r = disk_make(cfg.plot);

	if (r < 0)
		return r;
	r = sheet_read(&s, rows, name);
	if (r == 0)
		r = draw(&s);
	sheet_free(&s);
	return r;
}

/* ---- the program ----------------------------------------------------------- */

static int fail(void)
{
	fprintf(stderr, "fsbench: %s\n", err_text());
	return EXIT_ERRORS;
}

static int plot_saved(void)
{
	FILE *rows = fopen(cfg.input, "re");
	int r = rows ? plot(rows, cfg.input)
		     : err_errno(errno, "%s", cfg.input);

	if (rows)
		(void)fclose(rows);
	return r < 0 ? fail() : EXIT_OK;
}

static int measure_all(void)
{
	bool is_ok;

	if (report_init() < 0)
		return fail();
	is_ok = run_all();
	if (!is_ok)
		fputs("fsbench: there were errors\n", stderr);
	if (*cfg.plot && plot(report_rows(), "results") < 0)
		return fail();
	return is_ok ? EXIT_OK : EXIT_ERRORS;
}

int main(int argc, char **argv)
{
	if (options_read(argc, argv) < 0 ||
	    list_check("subjects", cfg.subjects, subject_name) < 0 ||
	    list_check("groups", cfg.groups, group_name) < 0) {
		fprintf(stderr, "fsbench: %s; see --help\n", err_text());
		return EXIT_USAGE;
	}
	if (cfg.help) {
		print_help();
		return EXIT_OK;
	}
	return *cfg.input ? plot_saved() : measure_all();
}
