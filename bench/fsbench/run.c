/* SPDX-License-Identifier: MIT */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mutex.h"
#include "bench/common/apart.h"
#include "bench/common/disk.h"
#include "options.h"

#define START_MS 30000
#define LOOK_MS 20 /* between looks for what nobody announces */

_Noreturn void run_fail(const struct run *r, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "fsbench: %s %s: ", r->subject->name, r->group);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	_exit(1);
}

void run_init(struct run *r, const struct subject *s, const char *group)
{
	char cwd[1024];

	*r = (struct run){ .subject = s, .group = group, .top_fd = -1 };
	if (*cfg.dir == '/' || !getcwd(cwd, sizeof(cwd)))
		*cwd = 0;
	snprintf(r->dir, sizeof(r->dir), "%s%s%.900s/%s-%s", cwd,
		 *cwd ? "/" : "", cfg.dir, s->name, group);
	snprintf(r->back, sizeof(r->back), "%s/back", r->dir);
	snprintf(r->top, sizeof(r->top), "%s/%s", r->dir,
		 s->program ? "top" : "back");
}

/* ---- mounting ------------------------------------------------------------ */

static bool is_mounted(const struct run *r)
{
	struct stat top, dir;

	return stat(r->top, &top) == 0 && stat(r->dir, &dir) == 0 &&
	       top.st_dev != dir.st_dev;
}

/* A pass-through has a file open for each inode that the kernel knows. */
static void raise_file_limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &l); /* as far as it goes */
	}
}

/* In the daemon's process, which ends with its parent. */
static _Noreturn void be_daemon(const struct run *r, int out)
{
	struct command c = { .n = 0 };
	char program[4096];

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	(void)setpgid(0, 0); /* an interrupt of the terminal is not for it */
	(void)dup2(out, STDOUT_FILENO);
	raise_file_limit();
	if (!subject_program(r->subject, program))
		_exit(127);
	command_add(&c, "%s", program);
	r->subject->arguments(r, &c);
	execv(program, c.words);
	_exit(127);
}

static void check_daemon(struct run *r)
{
	int status;

	if (waitpid(r->daemon, &status, WNOHANG) == 0)
		return;
	r->daemon = 0;
	run_fail(r, "the daemon ended before it had mounted");
}

/* The first line it prints names its port. */
static void await_line(struct run *r, int out)
{
	struct pollfd p = { .fd = out, .events = POLLIN };
	char line[8192];
	const char *at;
	ssize_t n;

	n = poll(&p, 1, START_MS) == 1 ? read(out, line, sizeof(line) - 1) : 0;
	if (n <= 0)
		run_fail(r, "the daemon does not say that it is ready");
	line[n] = 0;
	at = strstr(line, "port 127.0.0.1:");
	r->port = at ? (unsigned)strtoul(at + 15, NULL, 10) : 0;
}

static void await_mount(struct run *r)
{
	uint64_t end = mono_ns() + START_MS * 1000000ull;

	while (!is_mounted(r)) {
		check_daemon(r);
		if (mono_ns() > end)
			run_fail(r, "%s is not mounted", r->top);
		(void)poll(NULL, 0, LOOK_MS);
	}
}

static void open_top(struct run *r)
{
	r->top_fd = open(r->top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->top_fd < 0)
		run_fail(r, "%s: %s", r->top, strerror(errno));
}

void run_start(struct run *r)
{
	int out[2];

	if (disk_make(r->back) < 0 || disk_make(r->top) < 0)
		run_fail(r, "%s", err_text());
	if (!r->subject->program) {
		open_top(r);
		return;
	}
	if (pipe2(out, O_CLOEXEC) < 0)
		run_fail(r, "pipe: %s", strerror(errno));
	r->daemon = fork();
	if (r->daemon == 0)
		be_daemon(r, out[1]);
	(void)close(out[1]);
	if (r->daemon < 0)
		run_fail(r, "fork: %s", strerror(errno));
	if (r->subject->says_ready)
		await_line(r, out[0]);
	await_mount(r);
	(void)close(out[0]);
	open_top(r);
}

static void unmount(const char *top)
{
	pid_t pid;

	if (umount2(top, 0) == 0 || geteuid() == 0)
		return;
	pid = fork();
	if (pid == 0) {
		execlp("fusermount3", "fusermount3", "-u", top, (char *)NULL);
		_exit(127);
	}
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
}

void run_stop(struct run *r)
{
	int status;

	if (r->top_fd >= 0)
		(void)close(r->top_fd);
	r->top_fd = -1;
	if (!r->daemon)
		return;
	unmount(r->top);
	if (is_mounted(r))
		run_fail(r, "%s cannot be unmounted", r->top);
	(void)waitpid(r->daemon, &status, 0);
	r->daemon = 0;
	r->port = 0;
}

/* ---- cold ---------------------------------------------------------------- */

static bool drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
	bool is_done = fd >= 0 && write(fd, "3\n", 2) == 2;

	if (fd >= 0)
		(void)close(fd);
	return is_done;
}

bool run_cold(struct run *r)
{
	static bool was_told;

	if (!r->subject->forgets) {
		run_stop(r);
		sync();
	}
	if (!drop_caches()) {
		if (!was_told)
			fprintf(stderr,
				"fsbench: %s %s: without root nothing is "
				"cold: rows are left out\n",
				r->subject->name, r->group);
		was_told = true;
		if (r->top_fd < 0)
			run_start(r);
		return false;
	}
	if (r->top_fd < 0)
		run_start(r);
	return true;
}

/* ---- a process of its own ------------------------------------------------ */

struct child {
	void (*fn)(struct run *r);
	struct run *r;
};

static int be_child(void *arg)
{
	struct child *c = arg;

	run_start(c->r);
	c->fn(c->r);
	run_stop(c->r);
	return c->r->n_errors ? 1 : 0;
}

bool run_apart(void (*fn)(struct run *r), struct run *r)
{
	struct child c = { fn, r };
	char what[128];
	int status;

	(void)snprintf(what, sizeof(what), "%s %s", r->subject->name, r->group);
	status = apart(be_child, &c, "fsbench", what);
	if (r->subject->program && status)
		(void)umount2(r->top, MNT_DETACH); /* where it is */
	return status == 0;
}
