/* SPDX-License-Identifier: MIT */
/* Where settings come from besides the command line. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "base/err.h"
#include "base/opt_row.h"

#define PREFIX "TTRUNKSDB_"
#define PREFIX_LEN (sizeof(PREFIX) - 1)
#define MAX_FILE_BYTES ((size_t)1 << 20)

/* --------------------------------------------------------------- lines */

char *opt_trim(char *text)
{
	size_t n;

	while (isspace((unsigned char)*text))
		text++;
	n = strlen(text);
	while (n && isspace((unsigned char)text[n - 1]))
		n--;
	text[n] = 0;
	return text;
}

/* What may follow a closing quote. */
static bool is_rest(const char *p)
{
	p += strspn(p, " \t\r");
	return !*p || *p == '#';
}

static char *unquote_double(char *text)
{
	char *to = text, *p = text + 1;

	for (; *p && *p != '"'; p++) {
		if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
			*to++ = *++p;
		else if (*p == '\\' && p[1] == 'n')
			*to++ = '\n', p++;
		else
			*to++ = *p;
	}
	if (*p != '"' || !is_rest(p + 1))
		return NULL;
	*to = 0;
	return text;
}

static char *unquote_single(char *text)
{
	char *end = strchr(text + 1, '\'');

	if (!end || !is_rest(end + 1))
		return NULL;
	*end = 0;
	return text + 1;
}

char *opt_unquote(char *text)
{
	text = opt_trim(text);
	if (*text == '"')
		return unquote_double(text);
	if (*text == '\'')
		return unquote_single(text);
	for (char *p = text; *p; p++) {
		if (*p == '#' && (p == text || isspace((unsigned char)p[-1]))) {
			*p = 0;
			break;
		}
	}
	return opt_trim(text);
}

/*
 * Calls fn for each "name = value" line of a file; blank lines and comments
 * are skipped, a leading "export " where allowed. 0, or what fn returns.
 */
typedef int (*line_fn)(void *arg, const char *name, const char *value,
		       const char *where);

static int read_line(char *line, const char *where, bool may_export, line_fn fn,
		     void *arg)
{
	char *equals, *name, *value;

	name = opt_trim(line);
	if (!*name || *name == '#')
		return 0;
	if (may_export && !strncmp(name, "export", 6) &&
	    isspace((unsigned char)name[6]))
		name = opt_trim(name + 6);
	equals = strchr(name, '=');
	if (!equals)
		return err_set(TT_EOPTION, "%s: expected name = value", where);
	*equals = 0;
	name = opt_trim(name);
	if (!*name)
		return err_set(TT_EOPTION, "%s: no name before =", where);
	value = opt_unquote(equals + 1);
	if (!value)
		return err_set(TT_EOPTION, "%s: quotes of \"%s\" do not match",
			       where, name);
	return fn(arg, name, value, where);
}

static int read_lines(const char *path, bool may_export, line_fn fn, void *arg)
{
	struct buf text = BUF_INIT, where = BUF_INIT;
	char *p, *line;
	unsigned n = 0;
	int r;

	r = env_read_file(env_posix(), path, MAX_FILE_BYTES, &text);
	if (r == 0)
		r = buf_append_byte(&text, 0);
	if (r < 0)
		goto out;
	p = (char *)text.data;
	while (r == 0 && (line = strsep(&p, "\n"))) {
		buf_clear(&where);
		r = buf_printf(&where, "%s:%u", path, ++n);
		if (r == 0 && !buf_cstr(&where))
			r = -ENOMEM;
		if (r == 0)
			r = read_line(line, (const char *)where.data,
				      may_export, fn, arg);
	}
out:
	buf_fini(&where);
	buf_fini(&text);
	return r;
}

/* -------------------------------------------------- configuration file */

static int conf_line(void *arg, const char *name, const char *value,
		     const char *where)
{
	struct opt_set *s = arg;

	if (!opt_find(s, name) && opt_is_also_known(s, name))
		return 0;
	return opt_assign(s, name, value, OPT_SOURCE_FILE, where);
}

int opt_read_file(struct opt_set *s, const char *path)
{
	return read_lines(path, false, conf_line, s);
}

/* -------------------------------------------------------- environment */

struct env_var {
	struct env_var *next;
	char *name; /* without the prefix, lower case */
	char *value;
	char *where;
};

struct opt_env {
	struct env_var *vars; /* of the .env file, the last one first */
};

static void env_var_free(struct env_var *v)
{
	free(v->name);
	free(v->value);
	free(v->where);
	free(v);
}

static char *lower_name(const char *name)
{
	char *copy = strdup(name);

	for (char *p = copy; p && *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return copy;
}

static int dotenv_line(void *arg, const char *name, const char *value,
		       const char *where)
{
	struct opt_env *e = arg;
	struct env_var *v;

	if (strncmp(name, PREFIX, PREFIX_LEN) != 0)
		return 0;
	v = calloc(1, sizeof(*v));
	if (!v)
		return err_nomem("environment");
	v->name = lower_name(name + PREFIX_LEN);
	v->value = strdup(value);
	v->where = strdup(where);
	if (!v->name || !v->value || !v->where) {
		env_var_free(v);
		return err_nomem("environment");
	}
	v->next = e->vars;
	e->vars = v;
	return 0;
}

int opt_env_new(const char *dotenv_path, struct opt_env **out)
{
	struct opt_env *e = calloc(1, sizeof(*e));
	int r = 0;

	if (!e)
		return err_nomem("environment");
	if (dotenv_path && access(dotenv_path, F_OK) == 0)
		r = read_lines(dotenv_path, true, dotenv_line, e);
	if (r < 0) {
		opt_env_free(e);
		return r;
	}
	*out = e;
	return 0;
}

void opt_env_free(struct opt_env *e)
{
	if (!e)
		return;
	while (e->vars) {
		struct env_var *v = e->vars;

		e->vars = v->next;
		env_var_free(v);
	}
	free(e);
}

static const char *real_env(const char *name)
{
	char var[128];
	const char *value;
	size_t n = PREFIX_LEN;

	memcpy(var, PREFIX, PREFIX_LEN);
	for (; *name && n + 1 < sizeof(var); name++)
		var[n++] = (char)toupper((unsigned char)*name);
	var[n] = 0;
	value = getenv(var); /* NOLINT(concurrency-mt-unsafe): at start */
	return value && *value ? value : NULL;
}

const char *opt_env_get(const struct opt_env *e, const char *name)
{
	const char *value = real_env(name);

	if (value)
		return value;
	for (const struct env_var *v = e->vars; v; v = v->next)
		if (!strcasecmp(v->name, name))
			return *v->value ? v->value : NULL;
	return NULL;
}

/* One variable; `name` lower case and without the prefix. */
static int env_assign(struct opt_set *s, const char *name, const char *value,
		      enum opt_source source, const char *where)
{
	struct err_saved why;

	if (!*value)
		return 0;
	if (opt_find(s, name))
		return opt_assign(s, name, value, source, where);
	if (!strcmp(name, "data_dir") || !strcmp(name, "config") ||
	    opt_is_also_known(s, name) || !s->warn)
		return 0;
	/* Others may share the environment: say so and go on. */
	err_save(&why, opt_unknown(s, name, source, where));
	s->warn(why.text);
	err_clear();
	return 0;
}

static int read_real_env(struct opt_set *s)
{
	int r = 0;

	for (char **p = environ; r == 0 && *p; p++) {
		const char *equals = strchr(*p, '=');
		char *var, *name;

		if (!equals || strncmp(*p, PREFIX, PREFIX_LEN) != 0)
			continue;
		var = strndup(*p, (size_t)(equals - *p));
		name = var ? lower_name(var + PREFIX_LEN) : NULL;
		r = name ? env_assign(s, name, equals + 1, OPT_SOURCE_ENV, var)
			 : err_nomem("environment");
		free(name);
		free(var);
	}
	return r;
}

/* Oldest first, so that the last of two lines wins. */
static int read_dotenv(struct opt_set *s, const struct env_var *v)
{
	int r;

	if (!v)
		return 0;
	r = read_dotenv(s, v->next);
	if (r < 0)
		return r;
	return env_assign(s, v->name, v->value, OPT_SOURCE_DOTENV, v->where);
}

int opt_read_env(struct opt_set *s, const struct opt_env *e)
{
	int r = read_dotenv(s, e->vars);

	return r < 0 ? r : read_real_env(s);
}

/* --------------------------------------------------------------- lists */

/* Copies the next item of a list into `out`, zero-ended, escapes undone.
 * Returns what follows, NULL at the end; *bad on failure. */
static const char *list_item(const char *p, struct buf *out, int *bad)
{
	buf_clear(out);
	while (*p && *p != ',') {
		if (*p == '\\' && (p[1] == ',' || p[1] == '\\'))
			p++;
		*bad = buf_append_byte(out, (uint8_t)*p++);
		if (*bad < 0)
			return NULL;
	}
	*bad = buf_append_byte(out, 0);
	return *bad < 0 || !*p ? NULL : p + 1;
}

static int list_assign(struct opt_set *s, char *item, opt_other_fn other,
		       void *arg)
{
	char *value = strchr(item, '=');
	int r = TT_NOTFOUND;

	if (value)
		*value++ = 0;
	if (opt_find(s, item))
		return opt_assign(s, item, value, OPT_SOURCE_ARGS, NULL);
	if (other)
		r = other(arg, item, value);
	if (r == TT_NOTFOUND)
		r = opt_unknown(s, item, OPT_SOURCE_ARGS, "-o");
	return r;
}

int opt_read_list(struct opt_set *s, const char *list, opt_other_fn other,
		  void *arg)
{
	struct buf item = BUF_INIT;
	int r = 0;

	while (r == 0 && list) {
		list = list_item(list, &item, &r);
		/* "a,,b" is what mount(8) makes of nothing */
		if (r == 0 && item.data[0])
			r = list_assign(s, (char *)item.data, other, arg);
	}
	buf_fini(&item);
	return r;
}
