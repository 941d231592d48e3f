/* SPDX-License-Identifier: MIT */
/* Lines of a dump, and what kind of file it is of. See dump.h. */
#include "tools/dump.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/env.h"
#include "base/err.h"
#include "server/json_out.h"
#include "server/utf8.h"
#include "tools/render.h"

void dump_fini(struct dump *d)
{
	buf_fini(&d->line);
}

static struct json_out json_of(struct dump *d)
{
	return (struct json_out){ .buf = &d->line };
}

void dump_begin(struct dump *d, const char *type)
{
	struct json_out j = json_of(d);

	if (!d->json) {
		(void)fputs(type, stdout);
		return;
	}
	buf_clear(&d->line);
	json_lit(&j, "{\"type\":");
	json_string(&j, slice_str(type));
}

/* "," NAME ":" */
static void json_name(struct json_out *j, const char *name, const char *more)
{
	json_lit(j, ",\"");
	json_put(j, slice_str(name));
	json_put(j, slice_str(more));
	json_lit(j, "\":");
}

void dump_uint(struct dump *d, const char *name, uint64_t v)
{
	struct json_out j = json_of(d);

	if (!d->json) {
		(void)printf(" %s=%" PRIu64, name, v);
		return;
	}
	json_name(&j, name, "");
	json_uint(&j, v);
}

void dump_int(struct dump *d, const char *name, int64_t v)
{
	struct json_out j = json_of(d);

	if (!d->json) {
		(void)printf(" %s=%" PRId64, name, v);
		return;
	}
	json_name(&j, name, "");
	json_int(&j, v);
}

void dump_bool(struct dump *d, const char *name, bool v)
{
	struct json_out j = json_of(d);

	if (!d->json) {
		(void)printf(" %s=%s", name, v ? "yes" : "no");
		return;
	}
	json_name(&j, name, "");
	json_bool(&j, v);
}

/* Words put text between quotes; a quote in it is escaped as \x22. */
static void print_quoted(struct tt_slice s)
{
	const char *p = s.data, *quote;

	(void)fputc('"', stdout);
	while (s.len && (quote = memchr(p, '"', s.len))) {
		size_t n = (size_t)(quote - p);

		render_bytes(stdout, SLICE(p, n), false, false);
		(void)fputs("\\x22", stdout);
		p += n + 1;
		s.len -= n + 1;
	}
	render_bytes(stdout, SLICE(p, s.len), false, false);
	(void)fputc('"', stdout);
}

void dump_bytes(struct dump *d, const char *name, struct tt_slice s)
{
	struct json_out j = json_of(d);

	if (!d->json) {
		(void)printf(" %s=", name);
		print_quoted(s);
		return;
	}
	json_name(&j, name, "");
	if (utf8_is_valid(s)) {
		json_string(&j, s);
		return;
	}
	json_base64(&j, s);
	json_name(&j, name, "_encoding");
	json_lit(&j, "\"base64\"");
}

int dump_end(struct dump *d)
{
	if (d->json) {
		if (buf_append_str(&d->line, "}\n") < 0)
			return err_nomem("a line of output");
		(void)fwrite(d->line.data, 1, d->line.len, stdout);
		buf_shrink(&d->line, 1 << 16);
	} else {
		(void)fputc('\n', stdout);
	}
	if (ferror(stdout))
		return err_set(-EIO, "standard output: cannot write");
	return 0;
}

void dump_damage(struct dump *d, const char *text)
{
	d->n_damaged++;
	if (!d->json) {
		(void)fflush(stdout);
		(void)fprintf(stderr, "ttrunks-fsck: damaged: %s\n", text);
		return;
	}
	dump_begin(d, "damage");
	dump_bytes(d, "text", slice_str(text));
	(void)dump_end(d); /* main() checks standard output once more */
}

int dump_file(struct dump *d, const char *path)
{
	static int (*const kinds[])(struct dump *, const char *) = {
		dump_wal,    dump_manifest, dump_current,
		dump_values, dump_table,    dump_old_table,
	};
	struct env_stat st;
	int r = env_stat(env_posix(), path, &st);

	if (r < 0)
		return r;
	if (st.type != ENV_TYPE_FILE)
		return err_set(-EINVAL, "%s: not a regular file", path);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		r = kinds[i](d, path);
		if (r != TT_NOTFOUND)
			return r;
	}
	return err_set(TT_EFOREIGN,
		       "%s: no table, log segment, value file, manifest or "
		       "CURRENT file of a store, or its beginning is damaged",
		       path);
}
