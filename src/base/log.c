/* SPDX-License-Identifier: MIT */
/*
 * The event log. One lock serializes lines and the list of sinks. Files are
 * written here directly, not through an env: the log is for people, and a
 * test that fails the n-th call of the engine should not count its lines.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/env.h"
#include "base/err.h"
#include "base/list.h"
#include "base/mutex.h"

struct log_sink {
	/* set when attached, then constant */
	char *path; /* NULL: standard error */
	const char *program;
	enum log_level level;
	uint64_t max_bytes;
	unsigned n_keep;
	/* guarded by log_mu */
	struct list_node link;
	int fd;
	uint64_t size;
	uint64_t n_lost;
};

_Atomic int log_max_level = -1;

static struct mutex log_mu = MUTEX_INIT(RANK_LOG);
static struct list_node sinks = LIST_INIT(sinks); /* guarded by log_mu */

static const char *const level_names[] = {
#define X(upper, name) #name,
	LOG_LEVELS(X)
#undef X
};

static const char *const subsystem_names[] = {
#define X(upper, name) #name,
	LOG_SUBSYSTEMS(X)
#undef X
};

static void log_set_max_level_locked(void)
{
	int max = -1;

	LIST_FOR(&sinks, n) {
		struct log_sink *s = container_of(n, struct log_sink, link);

		max = MAX_OF(max, (int)s->level);
	}
	atomic_store_explicit(&log_max_level, max, memory_order_relaxed);
}

static void log_attach(struct log_sink *s)
{
	mutex_lock(&log_mu);
	list_push_back(&sinks, &s->link);
	log_set_max_level_locked();
	mutex_unlock(&log_mu);
}

static int sink_open_file(struct log_sink *s)
{
	struct stat st;

	s->fd = open(s->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (s->fd < 0)
		return -errno;
	s->size = fstat(s->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
	return 0;
}

int log_attach_file(const char *path, enum log_level level, uint64_t max_bytes,
		    unsigned n_keep, struct log_sink **out)
{
	struct log_sink *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_nomem("log");
	s->path = strdup(path);
	if (!s->path) {
		free(s);
		return err_nomem("log");
	}
	s->level = level;
	s->max_bytes = max_bytes;
	s->n_keep = n_keep;
	r = sink_open_file(s);
	if (r < 0) {
		free(s->path);
		free(s);
		return err_errno(-r, "%s: cannot open the log", path);
	}
	log_attach(s);
	*out = s;
	return 0;
}

int log_attach_stderr(const char *program, enum log_level level,
		      struct log_sink **out)
{
	struct log_sink *s = calloc(1, sizeof(*s));

	if (!s)
		return err_nomem("log");
	s->program = program;
	s->level = level;
	s->max_bytes = UINT64_MAX;
	s->fd = STDERR_FILENO;
	log_attach(s);
	*out = s;
	return 0;
}

void log_detach(struct log_sink *s)
{
	if (!s)
		return;
	mutex_lock(&log_mu);
	list_remove(&s->link);
	log_set_max_level_locked();
	mutex_unlock(&log_mu);
	if (s->path && s->fd >= 0)
		(void)close(s->fd); /* nobody is left to tell */
	free(s->path);
	free(s);
}

/* PATH.1 to PATH.2 and so on, PATH to PATH.1, and a new PATH. A rename that
 * fails leaves a longer file, no harm. */
static void sink_rotate(struct log_sink *s)
{
	char from[4096], to[4096];

	for (unsigned i = s->n_keep; i > 0; i--) {
		if (i == 1)
			snprintf(from, sizeof(from), "%s", s->path);
		else
			snprintf(from, sizeof(from), "%s.%u", s->path, i - 1);
		snprintf(to, sizeof(to), "%s.%u", s->path, i);
		(void)rename(from, to);
	}
	if (s->n_keep == 0)
		(void)unlink(s->path);
	(void)close(s->fd);
	if (sink_open_file(s) < 0)
		s->fd = -1;
}

static void sink_put(struct log_sink *s, const char *line, size_t len)
{
	ssize_t n;

	if (s->fd < 0 && sink_open_file(s) < 0) {
		s->n_lost++;
		return;
	}
	if (s->path && s->size && s->size + len > s->max_bytes)
		sink_rotate(s);
	do {
		n = write(s->fd, line, len);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		s->size += (uint64_t)n;
	if (n < 0 || (size_t)n < len)
		s->n_lost++;
}

/* "2026-01-31T12:00:00.123456Z" */
static void log_time(char *out, size_t cap)
{
	int64_t us = env_now_us(env_posix());
	time_t sec = (time_t)(us / 1000000);
	struct tm tm;
	size_t n;

	gmtime_r(&sec, &tm);
	n = strftime(out, cap, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, cap - n, ".%06dZ", (int)(us % 1000000));
}

static void sink_write(struct log_sink *s, enum log_level level,
		       enum log_subsystem sub, const char *text)
{
	char line[LOG_LINE_MAX + 128];
	char when[64];
	int n;

	if (s->program) {
		n = snprintf(line, sizeof(line), "%s: %s\n", s->program, text);
	} else {
		log_time(when, sizeof(when));
		if (s->n_lost) {
			n = snprintf(line, sizeof(line),
				     "%s warn  %-8s %llu log lines lost\n",
				     when, "main",
				     (unsigned long long)s->n_lost);
			s->n_lost = 0;
			sink_put(s, line, (size_t)n);
		}
		n = snprintf(line, sizeof(line), "%s %-5s %-8s %s\n", when,
			     level_names[level], subsystem_names[sub], text);
	}
	if (n >= (int)sizeof(line)) {
		n = (int)sizeof(line) - 1;
		line[n - 1] = '\n';
	}
	sink_put(s, line, (size_t)n);
}

/* Control characters, zero excepted, become \xNN: a key in a line must not
 * forge another line. */
static void log_escape(const char *from, char *to, size_t cap)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (; *from && n + 5 < cap; from++) {
		unsigned char c = (unsigned char)*from;

		if (c >= 0x20 && c != 0x7f) {
			to[n++] = (char)c;
			continue;
		}
		to[n++] = '\\';
		to[n++] = 'x';
		to[n++] = hex[c >> 4];
		to[n++] = hex[c & 15];
	}
	to[n] = 0;
}

void log_write(enum log_level level, enum log_subsystem sub, const char *fmt,
	       ...)
{
	char raw[LOG_LINE_MAX], text[LOG_LINE_MAX];
	int saved_errno = errno;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	log_escape(raw, text, sizeof(text));
	mutex_lock(&log_mu);
	LIST_FOR(&sinks, n) {
		struct log_sink *s = container_of(n, struct log_sink, link);

		if (level <= s->level)
			sink_write(s, level, sub, text);
	}
	mutex_unlock(&log_mu);
	errno = saved_errno;
}

int log_level_by_name(const char *name)
{
	for (unsigned i = 0; i < ARRAY_LEN(level_names); i++)
		if (!strcmp(level_names[i], name))
			return (int)i;
	return -EINVAL;
}
