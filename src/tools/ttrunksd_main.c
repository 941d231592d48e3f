/* SPDX-License-Identifier: MIT */
/*
 * ttrunksd: the port without a mount. Opens a store, serves it, and closes it
 * again on SIGTERM or SIGINT. See ttrunksd(8).
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/opt.h"
#include "server/server.h"
#include "tools/detach.h"
#include "tree/tree.h"

#define PROGRAM "ttrunksd"

enum exit_code { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* clang-format off */
struct settings {
#define OPT OPT_FIELD
#include "base/common_options.def"
#include "server/options.def"
#undef OPT
};

static const struct opt_row rows[] = {
#define OPT(name, ...) OPT_ROW(struct settings, name, __VA_ARGS__)
#include "base/common_options.def"
#include "server/options.def"
#undef OPT
};
/* clang-format on */

/* Settings of ttrunksfs, which may share a configuration file with us. */
/* clang-format off */
static const char *const mount_settings[] = {
#define OPT(name, ...) #name,
#include "fs/mount_options.def"
#undef OPT
	NULL,
};
/* clang-format on */

struct daemon {
	struct opt_set set;
	struct settings v;
	bool help, version, in_background;
	const char *config;
	char *store;
	int ready_fd; /* -1: in the foreground */

	struct tt *db;
	struct tree *tree;
	struct server *server;
};

/* ---- settings ---------------------------------------------------------- */

static void warn(const char *text)
{
	log_warn(LOG_MAIN, "%s", text);
}

/* A file that was named must be there; one of the usual two may. */
static int read_config(struct daemon *d, const char *named)
{
	struct buf path = BUF_INIT;
	int r;

	if (named)
		return opt_read_file(&d->set, named);
	r = buf_printf(&path, "%s/ttrunks.conf", d->store);
	if (r == 0)
		r = buf_cstr(&path) ? opt_read_file(&d->set, (char *)path.data)
				    : -ENOMEM;
	if (r == -ENOENT || r == -ENOTDIR)
		r = opt_read_file(&d->set, "/etc/ttrunks.conf");
	buf_fini(&path);
	return r == -ENOENT ? 0 : r;
}

static int find_store(struct daemon *d, const struct opt_env *env, int n_pos,
		      char **argv)
{
	const char *store = n_pos ? argv[1] : opt_env_get(env, "DATA_DIR");

	if (n_pos > 1)
		return err_set(TT_EOPTION,
			       "command line: unexpected argument \"%s\"; see "
			       "--help",
			       argv[2]);
	if (!store)
		return err_set(TT_EOPTION,
			       "command line: STORE is missing (it may come "
			       "from TTRUNKSDB_DATA_DIR); see --help");
	d->store = strdup(store);
	return d->store ? 0 : err_nomem("settings");
}

static int read_sources(struct daemon *d, const struct opt_env *env, int n_pos,
			char **argv)
{
	const char *config = d->config ? d->config : opt_env_get(env, "CONFIG");
	int r = find_store(d, env, n_pos, argv);

	if (r == 0)
		r = read_config(d, config);
	return r == 0 ? opt_read_env(&d->set, env) : r;
}

static int print_help(const struct daemon *d, const struct opt_args *a)
{
	struct buf text = BUF_INIT;
	int r = opt_print_help(&d->set, a, &text);

	if (r == 0) {
		(void)printf("Usage: %s [OPTION]... STORE\n"
			     "Serves the store in directory STORE, made if "
			     "missing, on a TCP port.\n\n",
			     PROGRAM);
		(void)fwrite(text.data, 1, text.len, stdout);
		(void)puts("\nExit status: 0 stopped by a signal, 1 failed, "
			   "2 wrong usage.");
	}
	buf_fini(&text);
	return r;
}

static int read_settings(struct daemon *d, int argc, char **argv)
{
	const struct opt_flag flags[] = {
		{ .name = "daemon",
		  .help = "Go to the background once the port answers.",
		  .seen = &d->in_background },
		{ .name = "config",
		  .unit = "FILE",
		  .help = "Read settings from FILE instead of "
			  "STORE/ttrunks.conf or /etc/ttrunks.conf.",
		  .value = &d->config },
		{ .letter = 'h',
		  .name = "help",
		  .help = "Show this text.",
		  .seen = &d->help },
		{ .letter = 'V',
		  .name = "version",
		  .help = "Show the version.",
		  .seen = &d->version },
	};
	const struct opt_args a = { .flags = flags,
				    .n_flags = ARRAY_LEN(flags) };
	struct opt_env *env = NULL;
	int n_pos, r;

	r = opt_init(&d->set, rows, ARRAY_LEN(rows), &d->v);
	d->set.warn = warn;
	d->set.also_known = mount_settings;
	if (r == 0)
		r = opt_read_args(&d->set, &a, argc, argv, &n_pos);
	if (r < 0)
		return r;
	if (d->version)
		(void)printf("%s %s\n", PROGRAM, PACKAGE_VERSION);
	else if (d->help)
		r = print_help(d, &a);
	if (d->version || d->help)
		return r;
	r = opt_env_new(".env", &env);
	if (r == 0)
		r = read_sources(d, env, n_pos, argv);
	opt_env_free(env);
	return r;
}

/* ---- serving ----------------------------------------------------------- */

/* What nobody has given is for the store to say, or the default. */
static int set_option(const struct daemon *d, struct tt_options *to,
		      const char *name)
{
	const struct opt_row *row = opt_find(&d->set, name);
	struct buf text = BUF_INIT;
	int r;

	if (!opt_is_given(&d->set, row))
		return 0;
	r = opt_value_text(&d->set, row, &text);
	if (r == 0)
		r = buf_cstr(&text)
			    ? tt_options_set(to, name, (char *)text.data)
			    : -ENOMEM;
	buf_fini(&text);
	return r;
}

static int open_store(struct daemon *d)
{
	static const char *const names[] = { "memory", "compression",
					     "sync_interval", "retention" };
	struct tt_options *o = tt_options_new();
	int r = o ? 0 : err_nomem("options");

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(names); i++)
		r = set_option(d, o, names[i]);
	if (r == 0)
		r = tt_open(d->store, o, &d->db);
	tt_options_free(o);
	return r == 0 ? tree_open(d->db, &d->tree) : r;
}

static int start_port(struct daemon *d)
{
	struct server_options o = {
		.listen = d->v.listen,
		.line_max = d->v.line_max,
		.connections = (unsigned)d->v.connections,
		.idle_ms = (uint64_t)d->v.idle_timeout,
		.answer_max = d->v.answer_max,
		.cursor_ms = (uint64_t)d->v.cursor_timeout,
		.face = PROGRAM,
		.store = d->store,
	};

	if (!strcmp(d->v.listen, "off"))
		return err_set(TT_EOPTION, "listen \"off\" leaves nothing to "
					   "serve");
	return server_start(d->tree, &o, &d->server);
}

static int serve(struct daemon *d)
{
	const char *colon = strrchr(d->v.listen, ':');
	sigset_t ends;
	int sig, r;

	/* Before any thread starts, so that they all inherit it. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &ends, NULL); /* valid arguments */
	r = open_store(d);
	if (r == 0)
		r = start_port(d);
	if (r < 0)
		return r;
	(void)printf("%s: ready on %.*s:%u, store %s, pid %ld\n", PROGRAM,
		     (int)(colon - d->v.listen), d->v.listen,
		     server_port(d->server), d->store, (long)getpid());
	(void)fflush(stdout); /* who does not read it does not miss it */
	detach_notify("READY=1");
	if (d->ready_fd >= 0)
		detach_ready(d->ready_fd);
	(void)sigwait(&ends, &sig); /* valid arguments */
	detach_notify("STOPPING=1");
	return 0;
}

/* Downwards through the layers; the first failure is the one to report. */
static int close_all(struct daemon *d, int r)
{
	struct err_saved first;
	int r2;

	err_save(&first, r);
	server_stop(d->server);
	r2 = tree_close(d->tree);
	if (r == 0 && r2 < 0)
		err_save(&first, r = r2);
	r2 = tt_close(d->db);
	if (r == 0 && r2 < 0)
		err_save(&first, r = r2);
	return r < 0 ? err_restore(&first) : 0;
}

/* What to do about the failures that people meet. */
static const char *advice(int r)
{
	switch (r) {
	case -EADDRINUSE:
		return "; choose another with --listen=127.0.0.1:PORT "
		       "(0: any free one)";
	case TT_ELOCKED:
		return "; stop that process, or serve another store";
	default:
		return "";
	}
}

static int complain(int r)
{
	const char *text =
		err_code() == r && *err_text() ? err_text() : err_describe(r);

	(void)fprintf(stderr, "%s: %s%s\n", PROGRAM, text, advice(r));
	return r == TT_EOPTION ? EXIT_USAGE : EXIT_FAILED;
}

int main(int argc, char **argv)
{
	struct daemon d = { .ready_fd = -1 };
	struct log_sink *log = NULL;
	int r;

	/* Without it warnings are lost, which is no reason not to serve. */
	(void)log_attach_stderr(PROGRAM, LOG_LEVEL_WARN, &log);
	r = read_settings(&d, argc, argv);
	if (r == 0 && !d.help && !d.version) {
		if (d.in_background)
			r = detach_start(&d.ready_fd);
		if (r == 0)
			r = close_all(&d, serve(&d));
	}
	if (r < 0)
		r = complain(r);
	free(d.store);
	opt_fini(&d.set);
	log_detach(log);
	return r < 0 ? EXIT_FAILED : r;
}
