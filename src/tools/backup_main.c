/* SPDX-License-Identifier: MIT */
/* ttrunks-backup: copies of stores that nobody has open. See
 * ttrunks-backup(8). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mutex.h"
#include "base/opt.h"
#include "server/json_out.h"
#include "tools/args.h"
#include "tools/render.h"
#include "ttrunks.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

#define PROGRESS_NS 100000000u
#define NEWEST "newest"

static const char help[] =
	"Usage: ttrunks-backup COMMAND [OPTION]... ARGUMENT...\n"
	"Copies stores that no process has open, and brings them back.\n"
	"\n"
	"Commands:\n"
	"  create STORE DIR       add a backup of a store to a directory of backups\n"
	"  list DIR               show the backups there\n"
	"  verify DIR [ID]        read a backup and compare it with its checksums\n"
	"  restore DIR ID STORE   make a new store of a backup\n"
	"  delete DIR ID          delete a backup\n"
	"  prune DIR              delete all but the newest ones; needs --keep\n"
	"  checkpoint STORE DIR   make a copy of a store by hard links\n"
	"\n"
	"ID is a number, or \"newest\", which verify takes without one.\n"
	"\n"
	"  --keep=N       prune: how many to keep\n"
	"  --json         one JSON object per line\n"
	"  --quiet        no progress\n"
	"  --help, --version\n"
	"\n"
	"Exit status: 0 done, 1 damage found or the work failed, 2 wrong usage.\n";

struct options {
	bool json, quiet, help, version;
	int64_t keep;
};

/* What is shown while it works. */
struct display {
	const struct options *o;
	const char *what;
	bool has_line;
	uint64_t shown_ns;
};

static void clear_line(struct display *d)
{
	if (d->has_line)
		(void)fputs("\r\033[K", stderr);
	d->has_line = false;
}

static int show_progress(void *arg, const struct tt_progress *p)
{
	struct display *d = arg;
	uint64_t now;

	if (d->o->quiet || d->o->json || !isatty(STDERR_FILENO))
		return 0;
	now = mono_ns();
	if (now - d->shown_ns < PROGRESS_NS)
		return 0;
	d->shown_ns = now;
	d->has_line = true;
	(void)fprintf(stderr,
		      "\r%s: file %" PRIu64 " of %" PRIu64 ", %" PRIu64
		      " of %" PRIu64 " MiB ",
		      d->what, p->files_done, p->files_total,
		      p->bytes_done >> 20, p->bytes_total >> 20);
	return 0;
}

static struct tt_copy_options copy_options(struct display *d)
{
	return (struct tt_copy_options){ .progress = show_progress, .arg = d };
}

/* Ends the object and the line, and writes it. */
static void put_json(struct json_out *j)
{
	json_lit(j, "}\n");
	if (j->err == 0)
		(void)fwrite(j->buf->data, 1, j->buf->len, stdout);
	buf_fini(j->buf);
}

/* ---- commands: `a` are the arguments behind the command ---------------- */

/* ID as a number, 0 for the newest; negative when it is neither. */
static int parse_id(const char *text, uint64_t *out)
{
	int64_t v = 0;

	if (strcmp(text, NEWEST) != 0 && (opt_parse_int(text, &v) < 0 || v < 1))
		return err_set(TT_EOPTION,
			       "%s: want a number or \"" NEWEST "\"", text);
	*out = (uint64_t)v;
	return 0;
}

static int not_there(int r, const char *dir, const char *id)
{
	return r == TT_NOTFOUND
		       ? err_set(-ENOENT, "%s: no backup %s there", dir, id)
		       : r;
}

/* Opens a store that is there; a copy of a new one would be an accident. */
static int open_store(const char *path, struct tt **out)
{
	struct tt_options *opts = tt_options_new();
	int r = opts ? tt_options_set(opts, "create_if_missing", "false")
		     : err_nomem("options");

	if (r == 0)
		r = tt_open(path, opts, out);
	tt_options_free(opts);
	return r;
}

static int close_store(struct tt *db, int r)
{
	struct err_saved why;
	int closed;

	err_save(&why, r);
	closed = tt_close(db);
	return r < 0 ? err_restore(&why) : closed;
}

static int run_create(struct display *d, char **a)
{
	struct tt_copy_options co = copy_options(d);
	struct buf line = BUF_INIT;
	struct json_out j = { .buf = &line };
	struct tt *db;
	uint64_t id = 0;
	int r = open_store(a[0], &db);

	if (r < 0)
		return r;
	co.flush = true;
	r = close_store(db, tt_backup(db, a[1], &co, &id));
	clear_line(d);
	if (r < 0)
		return r;
	if (d->o->json) {
		json_lit(&j, "{\"type\":\"backup\",\"id\":");
		json_uint(&j, id);
		put_json(&j);
	} else {
		(void)printf("backup %" PRIu64 "\n", id);
	}
	return 0;
}

static int run_checkpoint(struct display *d, char **a)
{
	struct tt_copy_options co = copy_options(d);
	struct tt *db;
	int r = open_store(a[0], &db);

	if (r < 0)
		return r;
	return close_store(db, tt_checkpoint(db, a[1], &co));
}

static void list_as_json(const struct tt_backup_info *info)
{
	struct buf line = BUF_INIT;
	struct json_out j = { .buf = &line };

	json_lit(&j, "{\"type\":\"backup\",\"id\":");
	json_uint(&j, info->id);
	if (info->damage) {
		json_lit(&j, ",\"damage\":\"");
		json_string_part_lossy(&j, slice_str(info->damage));
		json_lit(&j, "\"");
	} else {
		json_lit(&j, ",\"time\":");
		json_int(&j, info->time);
		json_lit(&j, ",\"files\":");
		json_uint(&j, info->files);
		json_lit(&j, ",\"bytes\":");
		json_uint(&j, info->bytes);
	}
	put_json(&j);
}

static void list_as_text(const struct tt_backup_info *info)
{
	time_t s = (time_t)(info->time / 1000000);
	char when[32] = "?", bytes[32];
	struct tm tm;

	if (info->damage) {
		(void)printf("%" PRIu64 "  damaged: ", info->id);
		render_bytes(stdout, slice_str(info->damage), false, false);
		(void)fputc('\n', stdout);
		return;
	}
	if (gmtime_r(&s, &tm))
		(void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC",
			       &tm);
	(void)printf("%" PRIu64 "  %s  %" PRIu64 " files  %s bytes\n", info->id,
		     when, info->files, render_count(info->bytes, bytes));
}

struct listing {
	bool json;
	unsigned n_damaged;
};

static int list_one(void *arg, const struct tt_backup_info *info)
{
	struct listing *l = arg;

	l->n_damaged += info->damage != NULL;
	if (l->json)
		list_as_json(info);
	else
		list_as_text(info);
	return 0;
}

static int run_list(struct display *d, char **a)
{
	struct listing l = { .json = d->o->json };
	int r = tt_backup_list(a[0], list_one, &l);

	if (r == 0 && l.n_damaged)
		r = err_set(TT_ECORRUPT, "%s: %u backups are damaged", a[0],
			    l.n_damaged);
	return r;
}

static void tell_damage(void *arg, const char *text)
{
	struct display *d = arg;
	struct buf line = BUF_INIT;
	struct json_out j = { .buf = &line };

	clear_line(d);
	if (d->o->json) {
		json_lit(&j, "{\"type\":\"damage\",\"text\":\"");
		json_string_part_lossy(&j, slice_str(text));
		json_lit(&j, "\"");
		put_json(&j);
		return;
	}
	(void)fputs("damage: ", stdout);
	render_bytes(stdout, slice_str(text), false, false);
	(void)fputc('\n', stdout);
}

static int run_verify(struct display *d, char **a)
{
	struct tt_copy_options co = copy_options(d);
	const char *text = a[1] ? a[1] : NEWEST;
	uint64_t id;
	int r = parse_id(text, &id);

	if (r == 0)
		r = tt_backup_verify(a[0], id, tell_damage, d, &co);
	return not_there(r, a[0], text);
}

static int run_restore(struct display *d, char **a)
{
	struct tt_copy_options co = copy_options(d);
	uint64_t id;
	int r = parse_id(a[1], &id);

	if (r == 0)
		r = tt_backup_restore(a[0], id, a[2], &co);
	return not_there(r, a[0], a[1]);
}

static int run_delete(struct display *d, char **a)
{
	uint64_t id;
	int r = parse_id(a[1], &id);

	(void)d;
	if (r == 0 && id == 0)
		r = err_set(TT_EOPTION, "delete: which one? Name its number");
	if (r == 0)
		r = tt_backup_delete(a[0], id);
	return not_there(r, a[0], a[1]);
}

static int run_prune(struct display *d, char **a)
{
	if (d->o->keep == 0)
		return err_set(TT_EOPTION, "prune: say how many to --keep");
	return tt_backup_prune(a[0], (uint64_t)d->o->keep);
}

/* ---- the command line -------------------------------------------------- */

static const struct command {
	const char *name;
	int n_least, n_most; /* arguments */
	int (*run)(struct display *d, char **a);
} commands[] = {
	{ "create", 2, 2, run_create },
	{ "list", 1, 1, run_list },
	{ "verify", 1, 2, run_verify },
	{ "restore", 3, 3, run_restore },
	{ "delete", 2, 2, run_delete },
	{ "prune", 1, 1, run_prune },
	{ "checkpoint", 2, 2, run_checkpoint },
};

static int usage(void)
{
	(void)fprintf(stderr,
		      "ttrunks-backup: %s\n"
		      "Try \"ttrunks-backup --help\".\n",
		      err_text());
	return EXIT_USAGE;
}

/* `argv` has `n` arguments behind the command's name. */
static int run_command(const struct command *c, const struct options *o,
		       char **argv, int n)
{
	struct display d = { .o = o, .what = c->name };
	char *a[4] = { NULL };
	int r;

	if (n < c->n_least || n > c->n_most) {
		err_set(TT_EOPTION, "%s: too %s arguments", c->name,
			n < c->n_least ? "few" : "many");
		return usage();
	}
	memcpy(a, argv, (size_t)n * sizeof(*argv));
	r = c->run(&d, a);
	clear_line(&d);
	if (r == TT_EOPTION)
		return usage();
	(void)fflush(stdout);
	if (r < 0)
		(void)fprintf(stderr, "ttrunks-backup: %s\n", err_text());
	return r < 0 ? EXIT_FAILED : EXIT_OK;
}

static int dispatch(const struct options *o, char **argv, int n)
{
	if (n == 0) {
		err_set(TT_EOPTION, "which command?");
		return usage();
	}
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (!strcmp(argv[0], commands[i].name))
			return run_command(&commands[i], o, argv + 1, n - 1);
	err_set(TT_EOPTION, "%s: no such command", argv[0]);
	return usage();
}

int main(int argc, char **argv)
{
	struct options o = { .keep = 0 };
	const struct arg args[] = {
		{ "keep", ARG_INT, &o.keep, 1, INT64_MAX },
		{ "json", ARG_FLAG, &o.json, 0, 0 },
		{ "quiet", ARG_FLAG, &o.quiet, 0, 0 },
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
	status = dispatch(&o, argv + 1, n);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		(void)fprintf(stderr, "ttrunks-backup: cannot write to "
				      "standard output\n");
		return EXIT_FAILED;
	}
	return status;
}
