/* SPDX-License-Identifier: MIT */
/* ttrunks-fsck: looks into a store's files. See ttrunks-fsck(8). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/opt.h"
#include "tools/args.h"
#include "tools/dump.h"
#include "tools/fsck_check.h"
#include "ttrunks.h"

enum { EXIT_OK = 0, EXIT_DAMAGED = 1, EXIT_USAGE = 2 };

static const char help[] =
	"Usage: ttrunks-fsck check [OPTION]... [STORE]\n"
	"       ttrunks-fsck dump [OPTION]... FILE...\n"
	"Checks a store, or shows what is in its files.\n"
	"\n"
	"check  reads and verifies every table, the values that tables point\n"
	"       to, the manifest and the log, then checks the tree of files. A store that is in use is checked as\n"
	"       far as that is possible. STORE defaults to TTRUNKSDB_DATA_DIR.\n"
	"dump   shows a table, a log segment, a value file, a manifest or\n"
	"       CURRENT; tables of the old Go program too.\n"
	"\n"
	"  --json         one JSON object per line\n"
	"  --quiet        check: damage only\n"
	"  --no-tree      check: do not open the store, change nothing in it\n"
	"  --keys         dump: no values\n"
	"  --limit=N      dump: at most N records of each file\n"
	"  --help, --version\n"
	"\n"
	"Exit status: 0 clean, 1 damage found or the work failed, 2 wrong usage.\n";

struct options {
	bool json, quiet, no_tree, keys, help, version;
	int64_t limit;
};

static int usage(void)
{
	(void)fprintf(stderr,
		      "ttrunks-fsck: %s\n"
		      "Try \"ttrunks-fsck --help\".\n",
		      err_text());
	return EXIT_USAGE;
}

static int failed(void)
{
	(void)fflush(stdout);
	(void)fprintf(stderr, "ttrunks-fsck: %s\n", err_text());
	return EXIT_DAMAGED;
}

/* The commands. `argv[0]` to `argv[n - 1]` are their arguments. */
static int run_dump(const struct options *o, char **argv, int n)
{
	int status = EXIT_OK;

	if (n < 1) {
		err_set(TT_EOPTION, "dump: which file?");
		return usage();
	}
	for (int i = 0; i < n; i++) {
		struct dump d = { .json = o->json,
				  .keys_only = o->keys,
				  .limit = (uint64_t)o->limit };
		int r = dump_file(&d, argv[i]);

		if (r < 0)
			status = failed();
		if (d.n_damaged)
			status = EXIT_DAMAGED;
		dump_fini(&d);
	}
	return status;
}

static int run_check(const struct options *o, char **argv, int n)
{
	struct fsck_options c = { .json = o->json,
				  .quiet = o->quiet,
				  .no_tree = o->no_tree };
	struct opt_env *e = NULL;
	int r, status;

	if (n > 1) {
		err_set(TT_EOPTION, "check: one store at a time");
		return usage();
	}
	r = opt_env_new(".env", &e);
	if (r < 0)
		return failed();
	c.store = n == 1 ? argv[0] : opt_env_get(e, "DATA_DIR");
	if (!c.store) {
		err_set(TT_EOPTION, "check: which store? Name it, or set "
				    "TTRUNKSDB_DATA_DIR");
		status = usage();
	} else {
		r = fsck_check(&c);
		status = r < 0 ? failed() : r ? EXIT_DAMAGED : EXIT_OK;
	}
	opt_env_free(e);
	return status;
}

int main(int argc, char **argv)
{
	struct options o = { .limit = INT64_MAX };
	const struct arg args[] = {
		{ "json", ARG_FLAG, &o.json, 0, 0 },
		{ "quiet", ARG_FLAG, &o.quiet, 0, 0 },
		{ "no-tree", ARG_FLAG, &o.no_tree, 0, 0 },
		{ "keys", ARG_FLAG, &o.keys, 0, 0 },
		{ "limit", ARG_INT, &o.limit, 1, INT64_MAX },
		{ "help", ARG_FLAG, &o.help, 0, 0 },
		{ "version", ARG_FLAG, &o.version, 0, 0 },
	};
	int n, status;

	if (args_parse(args, ARRAY_LEN(args), false, argc, argv, &n) < 0)
		return usage();
	if (o.help) {
		(void)fputs(help, stdout);
		return EXIT_OK;
	}
	if (o.version) {
		(void)puts(tt_version());
		return EXIT_OK;
	}
	if (n >= 1 && !strcmp(argv[1], "dump")) {
		status = run_dump(&o, argv + 2, n - 1);
	} else if (n >= 1 && !strcmp(argv[1], "check")) {
		status = run_check(&o, argv + 2, n - 1);
	} else {
		if (n)
			err_set(TT_EOPTION, "%s: no such command", argv[1]);
		else
			err_set(TT_EOPTION, "check or dump?");
		return usage();
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		(void)fprintf(stderr, "ttrunks-fsck: cannot write to standard "
				      "output\n");
		return EXIT_DAMAGED;
	}
	return status;
}
