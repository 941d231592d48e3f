/* SPDX-License-Identifier: MIT */
/*
 * ttrunksfs: mounts a store and serves its port.
 *
 * Starting goes down the layers' order and ending goes back up it: store,
 * tree, face, port, mount. The port is bound before the mount is made, so
 * that a busy port leaves no mount behind; at the end the mount goes first,
 * while everything under it still works.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "fs/background.h"
#include "fs/ll.h"
#include "fs/ll_notify.h"
#include "fs/ll_raw.h"
#include "fs/mount_point.h"
#include "fs/settings.h"
#include "fs/uring.h"
#include "fs/watch.h"
#include "server/server.h"

#define PROGRAM "ttrunksfs"
/* What inodes that the kernel remembers may take, beside the engine. */
#define INODES_PART_OF_MEMORY 4

enum exit_code { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct mounted {
	/* set before the session starts, then constant */
	const struct settings *settings;
	struct tt *db;
	struct tree *tree;
	struct ll ll;
	struct server *server; /* NULL: no port */
	struct fuse_session *session;
	bool uses_uring; /* as far as can be known before the kernel agrees */

	/* owned by the main thread, and by the watch while the loop runs */
	struct background background;
};

/* ---- what libfuse says ----------------------------------------------------- */

/* Its last line while the mount is being made, for our own message. */
static _Thread_local char fuse_said[256];

PRINTF_FMT(2, 0)
static void on_fuse_log(enum fuse_log_level level, const char *fmt, va_list ap)
{
	(void)vsnprintf(fuse_said, sizeof(fuse_said), fmt, ap);
	fuse_said[strcspn(fuse_said, "\n")] = '\0';
	if (level <= FUSE_LOG_WARNING)
		log_warn(LOG_FS, "%s", fuse_said);
}

/* ---- starting --------------------------------------------------------------- */

/* What nobody has given is for the store to say, or the default. */
static int set_option(const struct settings *s, struct tt_options *to,
		      const char *name)
{
	const struct opt_row *row = opt_find(&s->set, name);
	struct buf text = BUF_INIT;
	int r;

	if (!opt_is_given(&s->set, row))
		return 0;
	r = opt_value_text(&s->set, row, &text);
	if (r == 0)
		r = buf_cstr(&text)
			    ? tt_options_set(to, name, (const char *)text.data)
			    : -ENOMEM;
	buf_fini(&text);
	return r;
}

static void set_atime(struct mounted *m)
{
	const struct settings *s = m->settings;

	if (!s->is_ro)
		tree_set_atime(m->tree, s->file_atime,
			       s->is_nodiratime ? TREE_ATIME_NEVER
						: s->file_atime);
}

static int open_store(struct mounted *m)
{
	static const char *const names[] = { "memory", "compression",
					     "sync_interval", "retention" };
	struct tt_options *to = tt_options_new();
	int64_t as_of = m->settings->as_of_us;
	int r = 0;

	if (!to)
		return err_nomem("options");
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(names); i++)
		r = set_option(m->settings, to, names[i]);
	/* there is no past to look at in a store that is not there */
	if (r == 0 && as_of)
		r = tt_options_set(to, "create_if_missing", "no");
	if (r == 0)
		r = tt_open(m->settings->store, to, &m->db);
	tt_options_free(to);
	if (r < 0)
		return r;
	r = as_of ? tree_open_past(m->db, as_of, &m->tree)
		  : tree_open(m->db, &m->tree);
	if (r == 0)
		set_atime(m);
	return r;
}

static int start_face(struct mounted *m)
{
	const struct settings_values *v = &m->settings->v;
	struct ll_options o = {
		.entry_timeout = (double)v->entry_timeout / 1000,
		.attr_timeout = (double)v->attr_timeout / 1000,
		.negative_timeout = (double)v->negative_timeout / 1000,
		.max_write = (unsigned)v->max_write,
		.max_background = (unsigned)v->max_background,
		.writeback = v->writeback,
		.acl = settings_has_acl(m->settings, geteuid() == 0),
		.uid = v->uid,
		.gid = v->gid,
		.umask = v->umask ? (int64_t)m->settings->umask : -1,
		.no_xattr = v->no_xattr,
	};
	struct tree_listener l;
	int r = ll_start(&m->ll, m->tree, &o);

	if (r < 0)
		return r;
	l = ll_notify_listener(m->ll.notify);
	tree_set_listener(m->tree, &l);
	tree_set_inode_budget(m->tree,
			      (size_t)v->memory / INODES_PART_OF_MEMORY);
	return 0;
}

static int start_port(struct mounted *m)
{
	const struct settings_values *v = &m->settings->v;
	struct server_options o = {
		.listen = v->listen,
		.line_max = v->line_max,
		.connections = (unsigned)v->connections,
		.idle_ms = (uint64_t)v->idle_timeout,
		.answer_max = v->answer_max,
		.cursor_ms = (uint64_t)v->cursor_timeout,
		.extra_stats = ll_stats_each,
		.extra_arg = &m->ll,
		.face = PROGRAM,
		.store = m->settings->store,
	};

	if (!settings_has_port(m->settings))
		return 0;
	return server_start(m->tree, &o, &m->server);
}

static int new_session(struct mounted *m)
{
	struct buf list = BUF_INIT;
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	int r = settings_fuse_options(m->settings, geteuid() == 0, &list);

	if (r == 0 && (fuse_opt_add_arg(&args, PROGRAM) < 0 ||
		       fuse_opt_add_arg(&args, "-o") < 0 ||
		       fuse_opt_add_arg(&args, (const char *)list.data) < 0))
		r = err_nomem("mount options");
	if (r == 0 && m->uses_uring &&
	    fuse_opt_add_arg(&args, "-oio_uring") < 0)
		r = err_nomem("mount options");
	if (r == 0) {
		m->session = fuse_session_new(&args, &ll_ops, sizeof(ll_ops),
					      &m->ll);
		if (!m->session)
			r = err_set(-EINVAL, "%s: cannot mount with -o %s: %s",
				    m->settings->mountpoint,
				    (const char *)list.data, fuse_said);
	}
	fuse_opt_free_args(&args);
	buf_fini(&list);
	return r;
}

static int mount_session(struct mounted *m)
{
	const char *mountpoint = m->settings->mountpoint;
	int r;

	m->uses_uring = m->settings->v.io_uring && !uring_why_not();
	r = new_session(m);
	if (r < 0)
		return r;
	if (access("/dev/fuse", F_OK) < 0)
		return err_set(-ENODEV,
			       "%s: cannot mount: /dev/fuse is "
			       "missing; load the module: modprobe "
			       "fuse",
			       mountpoint);
	if (fuse_session_mount(m->session, mountpoint) != 0)
		return err_set(-EPERM, "%s: cannot mount: %s", mountpoint,
			       fuse_said);
	/* requests by io_uring do not pass there */
	r = m->uses_uring ? 0 : ll_raw_attach(m->session);
	return r < 0 ? r : ll_notify_start(m->ll.notify, m->session, m->tree);
}

/* ---- running ---------------------------------------------------------------- */

/* "HOST:PORT" with the port that was bound. */
static void port_text(const struct mounted *m, char *out, size_t size)
{
	const char *listen = m->settings->v.listen;
	const char *colon = strrchr(listen, ':');
	int host = colon ? (int)(colon - listen) : (int)strlen(listen);

	if (m->server)
		(void)snprintf(out, size, "port %.*s:%u", host, listen,
			       (unsigned)server_port(m->server));
	else
		(void)snprintf(out, size, "no port");
}

static void on_ready(void *arg)
{
	struct mounted *m = arg;
	const struct settings *s = m->settings;
	struct buf line = BUF_INIT;
	char port[300];

	if (s->v.read_ahead && geteuid() == 0 &&
	    mount_point_set_read_ahead(s->mountpoint, s->v.read_ahead) < 0)
		log_warn(LOG_FS, "read_ahead has no effect: %s", err_text());
	if (s->v.io_uring && !m->uses_uring)
		log_warn(LOG_FS, "io_uring has no effect: %s", uring_why_not());
	port_text(m, port, sizeof(port));
	(void)buf_printf(&line, PROGRAM ": %s mounted on %s, %s, pid %ld",
			 s->store, s->mountpoint, port, (long)getpid());
	background_ready(&m->background, line.len && buf_cstr(&line)
						 ? (char *)line.data
						 : PROGRAM ": mounted");
	buf_fini(&line);
}

static void on_stopping(void *arg, int signo)
{
	struct mounted *m = arg;

	background_stopping();
	log_info(LOG_MAIN, "signal %d: unmounting %s", signo,
		 m->settings->mountpoint);
}

/* Serves until the mount is gone, which it is when this returns. */
static int serve(struct mounted *m)
{
	const struct settings *s = m->settings;
	struct fuse_loop_config *c = fuse_loop_cfg_create();
	struct watch_options o = {
		.session = m->session,
		.mountpoint = s->mountpoint,
		.ready = on_ready,
		.stopping = on_stopping,
		.arg = m,
	};
	struct watch *w;
	int r;

	if (!c)
		return err_nomem("session loop");
	fuse_loop_cfg_set_clone_fd(c, s->v.clone_fd);
	fuse_loop_cfg_set_max_threads(c, (unsigned)s->v.max_threads);
	fuse_loop_cfg_set_idle_threads(c, (unsigned)s->v.idle_threads);
	r = watch_start(&o, &w);
	if (r == 0) {
		r = fuse_session_loop_mt(m->session, c);
		watch_stop(w);
		if (r < 0)
			(void)err_errno(-r, "%s: serving the mount failed",
					s->mountpoint);
	}
	fuse_loop_cfg_destroy(c);
	/* Does nothing where the mount is gone already. */
	fuse_session_unmount(m->session);
	return r < 0 ? r : 0;
}

/* ---- ending ----------------------------------------------------------------- */

static int end_store(struct mounted *m)
{
	int r = tree_close(m->tree);
	int r_db = tt_close(m->db);

	return r < 0 ? r : r_db;
}

/* Accepts what has been started only in part. */
static int end(struct mounted *m)
{
	int r;

	if (m->server)
		server_stop(m->server);
	if (m->ll.notify)
		ll_notify_stop(m->ll.notify);
	if (m->session)
		fuse_session_destroy(m->session);
	if (m->ll.notify)
		ll_dir_close_all(&m->ll);
	/* the tree's thread may tell of changes until then */
	r = end_store(m);
	if (m->ll.notify)
		ll_finish(&m->ll);
	return r;
}

/* ---- the program ------------------------------------------------------------- */

/* What can be done about a failed start, where the text cannot know. */
static const char *advice(int code)
{
	switch (code) {
	case -EADDRINUSE:
		return "; choose another with -o listen=HOST:PORT, or none "
		       "with -o no_port";
	case TT_ELOCKED:
		return "; a store has one daemon at a time: stop that one "
		       "first";
	case TT_ETOOOLD:
		return "; the option retention says for how long it is";
	default:
		return "";
	}
}

static void complain(int r)
{
	const char *text = err_code() == r ? err_text() : err_describe(r);

	(void)fprintf(stderr, PROGRAM ": %s%s\n", text, advice(r));
}

static int start(struct mounted *m)
{
	const struct settings *s = m->settings;
	bool was_stale;
	int r;

	r = watch_block_signals();
	if (r == 0)
		r = mount_point_prepare(s->mountpoint, s->store, &was_stale);
	if (r == 0 && was_stale)
		(void)fprintf(stderr,
			      PROGRAM ": %s: removed the mount of a daemon "
				      "that has died\n",
			      s->mountpoint);
	if (r == 0)
		r = open_store(m);
	if (r == 0)
		r = start_face(m);
	if (r == 0)
		r = start_port(m);
	return r == 0 ? mount_session(m) : r;
}

static int run(const struct settings *s)
{
	struct mounted m = { .settings = s };
	struct log_sink *sink = NULL;
	int r, r_end;

	r = background_start(&m.background, s->wants_foreground);
	if (r == 0)
		r = start(&m);
	/* Not before: a start that failed is told once, by complain(). */
	if (r == 0)
		r = log_attach_stderr(PROGRAM, LOG_LEVEL_WARN, &sink);
	if (r == 0)
		r = serve(&m);
	if (r < 0)
		complain(r);
	r_end = end(&m);
	if (r_end < 0)
		complain(r_end);
	log_detach(sink);
	return r < 0 || r_end < 0 ? EXIT_FAILED : EXIT_OK;
}

static int help(struct settings *s)
{
	struct buf text = BUF_INIT;
	int r = settings_help(s, &text);

	if (r == 0)
		(void)fwrite(text.data, 1, text.len, stdout);
	buf_fini(&text);
	return r == 0 && fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
}

static int dispatch(struct settings *s)
{
	int r;

	if (s->wants_help)
		return help(s);
	if (s->wants_version)
		return puts(tt_version()) < 0 ? EXIT_FAILED : EXIT_OK;
	if (!s->is_remount)
		return run(s);
	r = mount_point_remount(s->mountpoint, (const char *)s->flags.data);
	if (r < 0)
		complain(r);
	return r < 0 ? EXIT_FAILED : EXIT_OK;
}

int main(int argc, char **argv)
{
	struct settings s;
	int status = EXIT_USAGE;
	int r;

	fuse_set_log_func(on_fuse_log);
	r = settings_read(&s, argc, argv);
	if (r == 0)
		status = dispatch(&s);
	else
		complain(r);
	settings_fini(&s);
	return status;
}
