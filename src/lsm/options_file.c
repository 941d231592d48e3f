/* SPDX-License-Identifier: MIT */
#include "lsm/options_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/checksum.h"
#include "base/env.h"
#include "base/err.h"
#include "base/log.h"
#include "base/opt_row.h"
#include "lsm/file_name.h"
#include "lsm/options.h"
#include "lsm/options_format.h"

#define WHERE_MAX 32

/* ---- reading ---------------------------------------------------------- */

static int bad(const struct options_file *f, const char *what)
{
	return err_set(TT_ECORRUPT, "%s/" FILE_OPTIONS ": %s", f->dir, what);
}

/* Checks the frame; *out is what stands between its first and last line. */
static int check_frame(const struct options_file *f, struct tt_slice text,
		       struct tt_slice *out)
{
	static const char magic[] = OPTIONS_MAGIC;
	char trailer[OPTIONS_TRAILER_LEN + 1];
	const char *p = text.data, *end;
	size_t body;
	unsigned long version = 0;

	if (text.len < sizeof(magic) - 1 + OPTIONS_TRAILER_LEN ||
	    memcmp(p, magic, sizeof(magic) - 1) != 0)
		return bad(f, "is no file of options, or cut short");
	body = text.len - OPTIONS_TRAILER_LEN;
	(void)snprintf(trailer, sizeof(trailer),
		       OPTIONS_TRAILER "%016" PRIx64 "\n", checksum(p, body));
	if (memcmp(p + body, trailer, OPTIONS_TRAILER_LEN) != 0)
		return bad(f, "fails its checksum: it is damaged, or was "
			      "changed by hand");
	end = memchr(p, '\n', body);
	if (!end)
		return bad(f, "has no line of its own");
	for (const char *d = p + sizeof(magic) - 1; d < end; d++) {
		if (*d < '0' || *d > '9' || version > 100000)
			return bad(f, "has an impossible version");
		version = version * 10 + (unsigned long)(*d - '0');
	}
	if (version != OPTIONS_VERSION)
		return err_set(TT_EVERSION,
			       "%s/" FILE_OPTIONS
			       ": format version %lu; this program knows "
			       "version %u",
			       f->dir, version, OPTIONS_VERSION);
	*out = SLICE(end + 1, body - (size_t)(end + 1 - p));
	return 0;
}

/* Keeps a line that makes no sense to us. */
static int keep_other(struct options_file *f, const char *name,
		      const char *value)
{
	log_warn(LOG_DB, "%s/" FILE_OPTIONS ": \"%s\" is ignored: %s", f->dir,
		 name, err_text());
	return buf_printf(&f->other, "%s = %s\n", name, value);
}

static int take_line(struct options_file *f, char *line, unsigned no)
{
	char where[WHERE_MAX];
	char *name = opt_trim(line), *value = strchr(name, '=');
	int r;

	if (!*name || *name == '#')
		return 0;
	(void)snprintf(where, sizeof(where), "line %u", no);
	if (!value) {
		(void)err_set(TT_EOPTION, "%s: expected name = value", where);
		return keep_other(f, name, "");
	}
	*value++ = '\0';
	name = opt_trim(name);
	value = opt_trim(value);
	r = opt_assign(&f->known->set, name, value, OPT_SOURCE_FILE, where);
	return r == TT_EOPTION ? keep_other(f, name, value) : r;
}

static int take_lines(struct options_file *f, struct tt_slice lines)
{
	struct buf copy = BUF_INIT;
	unsigned no = 2;
	char *p, *end;
	int r = buf_append_slice(&copy, lines);

	if (r == 0 && !buf_cstr(&copy))
		r = -ENOMEM;
	p = (char *)copy.data;
	for (; r == 0 && *p; p = end, no++) {
		end = p + strcspn(p, "\n");
		if (*end)
			*end++ = '\0';
		r = take_line(f, p, no);
	}
	buf_fini(&copy);
	return r;
}

int options_file_parse(struct options_file *f, struct tt_slice text)
{
	struct tt_slice lines = SLICE_EMPTY;
	int r = check_frame(f, text, &lines);

	return r < 0 ? r : take_lines(f, lines);
}

int options_file_init(struct options_file *f, struct env *env, const char *dir)
{
	*f = (struct options_file){
		.env = env,
		.dir = dir,
		.known = tt_options_new(),
	};
	return f->known ? 0 : err_nomem("options");
}

static int read_file(struct options_file *f)
{
	struct buf path = BUF_INIT;
	int r = path_join(&path, f->dir, FILE_OPTIONS);

	if (r == 0)
		r = env_read_file(f->env, path_of(&path), OPTIONS_MAX,
				  &f->text);
	buf_fini(&path);
	if (r == -ENOENT) {
		buf_clear(&f->text);
		return 0;
	}
	if (r == -EFBIG)
		r = bad(f, "is too long");
	return r < 0 ? r : options_file_parse(f, buf_slice(&f->text));
}

int options_file_open(struct options_file *f, struct env *env, const char *dir)
{
	int r = options_file_init(f, env, dir);

	if (r == 0)
		f->error = r = read_file(f);
	return r;
}

void options_file_fini(struct options_file *f)
{
	tt_options_free(f->known);
	f->known = NULL;
	buf_fini(&f->text);
	buf_fini(&f->other);
}

/* The line of `other` that sets `name`, or NULL; *len without its newline. */
static const char *find_other(const struct options_file *f, const char *name,
			      size_t *len)
{
	const char *p = (const char *)f->other.data;
	const char *end = p + f->other.len;
	size_t n = strlen(name);

	for (; p < end; p += *len + 1) {
		*len = (size_t)((const char *)memchr(p, '\n',
						     (size_t)(end - p)) -
				p);
		if (*len > n && memcmp(p, name, n) == 0 && p[n] == ' ')
			return p;
	}
	return NULL;
}

bool options_file_may_hide(const struct options_file *f, const char *name)
{
	size_t len;

	return f->error != 0 || find_other(f, name, &len) != NULL;
}

/* ---- writing ---------------------------------------------------------- */

static int put_option(void *arg, const char *name, const char *value)
{
	return buf_printf(arg, "%s = %s\n", name, value);
}

static int encode(const struct options_file *f, struct buf *out)
{
	int r = buf_printf(out,
			   OPTIONS_MAGIC "%u\n"
					 "# What this store was last opened "
					 "with. The engine writes it;\n"
					 "# to change a setting, open the "
					 "store with it.\n",
			   OPTIONS_VERSION);

	if (r == 0)
		r = options_each_set(f->known, put_option, out);
	if (r == 0)
		r = buf_append_slice(out, buf_slice(&f->other));
	if (r == 0)
		r = buf_printf(out, OPTIONS_TRAILER "%016" PRIx64 "\n",
			       checksum(out->data, out->len));
	return r;
}

/* A recording under way. */
struct recording {
	struct options_file *f;
	size_t n; /* settings recorded */
};

static int record_option(void *arg, const char *name, const char *value)
{
	struct recording *rec = arg;
	struct options_file *f = rec->f;
	const char *line;
	size_t len;

	if (!options_is_recorded(name))
		return 0;
	rec->n++;
	while ((line = find_other(f, name, &len)) != NULL) {
		size_t at = (size_t)((const uint8_t *)line - f->other.data);

		memmove(f->other.data + at, line + len + 1,
			f->other.len - at - len - 1);
		buf_truncate(&f->other, f->other.len - len - 1);
	}
	return tt_options_set(f->known, name, value);
}

static int replace(const struct options_file *f, struct tt_slice text)
{
	struct buf path = BUF_INIT;
	int r = path_join(&path, f->dir, FILE_OPTIONS);

	if (r == 0)
		r = env_replace_file(f->env, path_of(&path), text);
	buf_fini(&path);
	return r;
}

int options_file_record(struct options_file *f, const struct tt_options *opts)
{
	struct recording rec = { .f = f };
	struct buf text = BUF_INIT;
	int r;

	if (f->error != 0 && f->error != TT_ECORRUPT)
		return 0;
	r = options_each_set(opts, record_option, &rec);
	if (r < 0 || rec.n == 0)
		return r;
	r = encode(f, &text);
	if (r == 0 && !slice_eq(buf_slice(&text), buf_slice(&f->text)))
		r = replace(f, buf_slice(&text));
	buf_fini(&text);
	return r;
}
