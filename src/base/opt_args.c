/* SPDX-License-Identifier: MIT */
/* Command lines: settings, flags, -o lists, and what is left over. */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/opt_row.h"

struct parse {
	struct opt_set *set;
	const struct opt_args *args;
	char **argv;
	int argc;
	int next; /* argument to look at */
	int n_pos;
};

static const struct opt_flag *flag_by_name(const struct opt_args *a,
					   const char *name)
{
	for (size_t i = 0; i < a->n_flags; i++)
		if (a->flags[i].name && opt_name_eq(a->flags[i].name, name))
			return &a->flags[i];
	return NULL;
}

static const struct opt_flag *flag_by_letter(const struct opt_args *a, char c)
{
	for (size_t i = 0; i < a->n_flags; i++)
		if (a->flags[i].letter == c)
			return &a->flags[i];
	return NULL;
}

static void flag_set(const struct opt_flag *f, const char *value)
{
	if (f->seen)
		*f->seen = true;
	if (f->value)
		*f->value = value;
}

/* The next argument, as the value of `what`; NULL with an error when none. */
static const char *take_value(struct parse *p, const char *what, int *r)
{
	if (p->next < p->argc)
		return p->argv[p->next++];
	*r = err_set(TT_EOPTION, "command line: option \"%s\" needs a value",
		     what);
	return NULL;
}

static const char *any_name(const void *arg, size_t i)
{
	const struct parse *p = arg;

	if (i < p->set->n_rows)
		return p->set->rows[i].name;
	return p->args->flags[i - p->set->n_rows].name;
}

static int unknown_arg(const struct parse *p, const char *name)
{
	const char *near = opt_nearest(name, p->set->n_rows + p->args->n_flags,
				       any_name, p);

	if (near)
		return err_set(TT_EOPTION,
			       "command line: unknown option \"--%s\"; did you "
			       "mean \"--%s\"?",
			       name, near);
	return err_set(TT_EOPTION,
		       "command line: unknown option \"--%s\"; see --help",
		       name);
}

static int parse_flag(struct parse *p, const struct opt_flag *f,
		      const char *name, const char *value)
{
	int r = 0;

	if (!f->unit && value)
		return err_set(TT_EOPTION,
			       "command line: option \"--%s\" takes no value",
			       name);
	if (f->unit && !value)
		value = take_value(p, name, &r);
	if (r == 0)
		flag_set(f, value);
	return r;
}

static int parse_setting(struct parse *p, const struct opt_row *row,
			 const char *value)
{
	int r = 0;

	if (!value && row->type != OPT_BOOL)
		value = take_value(p, row->name, &r);
	if (r < 0)
		return r;
	return opt_assign(p->set, row->name, value, OPT_SOURCE_ARGS, NULL);
}

/* `text` is what follows the two dashes. */
static int parse_long(struct parse *p, const char *text)
{
	const char *equals = strchr(text, '=');
	const struct opt_flag *flag;
	const struct opt_row *row;
	char name[64];
	size_t n = equals ? (size_t)(equals - text) : strlen(text);

	if (n >= sizeof(name))
		return unknown_arg(p, text);
	memcpy(name, text, n);
	name[n] = 0;
	flag = flag_by_name(p->args, name);
	if (flag)
		return parse_flag(p, flag, name, equals ? equals + 1 : NULL);
	row = opt_find(p->set, name);
	if (row)
		return parse_setting(p, row, equals ? equals + 1 : NULL);
	if (!strncmp(name, "no-", 3) && !equals) {
		row = opt_find(p->set, name + 3);
		if (row && row->type == OPT_BOOL)
			return parse_setting(p, row, "no");
	}
	return unknown_arg(p, name);
}

/* `text` is what follows one dash: letters, the last of which may take a
 * value, here or in the next argument. */
static int parse_short(struct parse *p, const char *text)
{
	for (; *text; text++) {
		char name[2] = { *text, 0 };
		const struct opt_flag *f = flag_by_letter(p->args, *text);
		bool is_list = *text == 'o' && p->args->takes_lists;
		const char *value = text[1] ? text + 1 : NULL;
		int r = 0;

		if (!f && !is_list)
			return err_set(TT_EOPTION,
				       "command line: unknown option \"-%c\"; "
				       "see --help",
				       *text);
		if (!is_list && !f->unit) {
			flag_set(f, NULL);
			continue;
		}
		if (!value)
			value = take_value(p, name, &r);
		if (r < 0)
			return r;
		if (is_list)
			return opt_read_list(p->set, value, p->args->other,
					     p->args->other_arg);
		flag_set(f, value);
		return 0;
	}
	return 0;
}

int opt_read_args(struct opt_set *s, const struct opt_args *a, int argc,
		  char **argv, int *n_pos)
{
	struct parse p = {
		.set = s,
		.args = a,
		.argv = argv,
		.argc = argc,
		.next = 1,
	};
	bool only_pos = false;
	int r = 0;

	while (r == 0 && p.next < argc) {
		char *arg = argv[p.next++];

		if (only_pos || arg[0] != '-' || !arg[1])
			argv[++p.n_pos] = arg;
		else if (!strcmp(arg, "--"))
			only_pos = true;
		else if (arg[1] == '-')
			r = parse_long(&p, arg + 2);
		else
			r = parse_short(&p, arg + 1);
	}
	*n_pos = p.n_pos;
	return r;
}
