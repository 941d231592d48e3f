/* SPDX-License-Identifier: MIT */
#include "subject.h"

#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "options.h"
#include "run.h"
#include "stats.h"

void command_add(struct command *c, const char *fmt, ...)
{
	char *word = c->text + c->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(word, sizeof(c->text) - c->len, fmt, ap);
	va_end(ap);
	assert(n >= 0 && (size_t)n < sizeof(c->text) - c->len);
	assert(c->n < COMMAND_WORDS);
	c->len += (size_t)n + 1;
	c->words[c->n++] = word;
}

/* ---- how each is started ------------------------------------------------- */

static void ttrunksfs_arguments(const struct run *r, struct command *c)
{
	command_add(c, "%s", r->back);
	command_add(c, "%s", r->top);
	command_add(c, "-f");
	command_add(c, "-o");
	command_add(c, "listen=127.0.0.1:0%s%s", *cfg.options ? "," : "",
		    cfg.options);
}

static uint64_t ttrunksfs_requests(const struct run *r)
{
	return stats_requests(r->port);
}

static void nullfs_arguments(const struct run *r, struct command *c)
{
	command_add(c, "%s", r->top);
}

static uint64_t nullfs_requests(const struct run *r)
{
	struct statvfs s;

	return statvfs(r->top, &s) < 0 ? 0 : s.f_files;
}

/* Names and attributes are kept for as long as ours keeps them. */
static void passthrough_ll_arguments(const struct run *r, struct command *c)
{
	command_add(c, "-f");
	command_add(c, "-o");
	command_add(c, "source=%s,cache=always,timeout=3600%s", r->back,
		    geteuid() == 0 ? ",allow_other,default_permissions" : "");
	command_add(c, "%s", r->top);
}

static void bindfs_arguments(const struct run *r, struct command *c)
{
	command_add(c, "-f");
	command_add(c, "-o");
	command_add(c, "entry_timeout=3600,attr_timeout=3600,"
		       "negative_timeout=3600,kernel_cache");
	command_add(c, "%s", r->back);
	command_add(c, "%s", r->top);
}

static const struct subject subjects[] = {
	{ .name = "ttrunksfs",
	  .program = "ttrunksfs",
	  .says_ready = true,
	  .arguments = ttrunksfs_arguments,
	  .requests = ttrunksfs_requests },
	{ .name = "nullfs",
	  .program = "nullfs",
	  .forgets = true,
	  .arguments = nullfs_arguments,
	  .requests = nullfs_requests },
	{ .name = "passthrough_ll",
	  .program = "passthrough_ll",
	  .arguments = passthrough_ll_arguments },
	{ .name = "bindfs",
	  .program = "bindfs",
	  .arguments = bindfs_arguments },
	{ .name = "plain" },
};

const struct subject *subject_at(unsigned i)
{
	return i < ARRAY_LEN(subjects) ? &subjects[i] : NULL;
}

const char *subject_name(unsigned i)
{
	return i < ARRAY_LEN(subjects) ? subjects[i].name : NULL;
}

/* ---- finding programs ---------------------------------------------------- */

static bool is_program(char out[4096], const char *dir, int len,
		       const char *name)
{
	snprintf(out, 4096, "%.*s/%s", len, dir, name);
	return access(out, X_OK) == 0;
}

static bool find_in_path(const char *name, char out[4096])
{
	const char *path = getenv("PATH");

	while (path && *path) {
		size_t len = strcspn(path, ":");

		if (len && is_program(out, path, (int)len, name))
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

bool subject_program(const struct subject *s, char out[4096])
{
	static const char *const beside[] = { ".", "../.." };
	char self[4096] = { 0 }, dir[4200];

	if (!s->program) {
		*out = 0;
		return true;
	}
	if (*cfg.ttrunksfs && strcmp(s->name, "ttrunksfs") == 0) {
		snprintf(out, 4096, "%s", cfg.ttrunksfs);
		return access(out, X_OK) == 0;
	}
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) > 0) {
		const char *own = dirname(self);

		for (size_t i = 0; i < ARRAY_LEN(beside); i++) {
			snprintf(dir, sizeof(dir), "%s/%s", own, beside[i]);
			if (is_program(out, dir, (int)strlen(dir), s->program))
				return true;
		}
	}
	return find_in_path(s->program, out);
}
