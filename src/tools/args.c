/* SPDX-License-Identifier: MIT */
#include "tools/args.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/opt.h"

#define DEFAULT_HOST "127.0.0.1"
#define DEFAULT_PORT "8080"

static bool is_same_name(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a[i] != b[i] && !(a[i] == '_' && b[i] == '-'))
			return false;
	return b[n] == '\0';
}

static const struct arg *find(const struct arg *args, size_t n_args,
			      const char *name, size_t len)
{
	for (size_t i = 0; i < n_args; i++)
		if (is_same_name(name, args[i].name, len))
			return &args[i];
	return NULL;
}

static int assign_int(const struct arg *a, const char *value)
{
	int64_t v;

	if (opt_parse_int(value, &v) < 0 || v < a->min || v > a->max)
		return err_set(TT_EOPTION,
			       "--%s=%s: want a number from %" PRId64
			       " to %" PRId64,
			       a->name, value, a->min, a->max);
	*(int64_t *)a->to = v;
	return 0;
}

static int assign(const struct arg *a, const char *value)
{
	switch (a->kind) {
	case ARG_FLAG:
		*(bool *)a->to = true;
		return 0;
	case ARG_TEXT:
		*(const char **)a->to = value;
		return 0;
	case ARG_INT:
		return assign_int(a, value);
	case ARG_SIZE:
		if (opt_parse_size(value, a->to) == 0)
			return 0;
		return err_set(TT_EOPTION,
			       "--%s=%s: want a size such as 128 "
			       "or 4k",
			       a->name, value);
	case ARG_DURATION:
		if (opt_parse_duration(value, a->to) == 0)
			return 0;
		return err_set(TT_EOPTION,
			       "--%s=%s: want a time such as "
			       "500ms or 5s",
			       a->name, value);
	}
	return -EINVAL;
}

/* The length of the dashes that open an option; 0: it is none. */
static size_t dashes(const char *s, bool single_dash)
{
	if (s[0] != '-')
		return 0;
	if (s[1] == '-')
		return s[2] ? 2 : 0;
	if (!strcmp(s, "-h"))
		return 1;
	return single_dash && s[1] && !(s[1] >= '0' && s[1] <= '9') ? 1 : 0;
}

static int take_option(const struct arg *args, size_t n_args, const char *text,
		       const char *next, bool *took_next)
{
	size_t len = strcspn(text, "=");
	const struct arg *a = !strcmp(text, "h")
				      ? find(args, n_args, "help", 4)
				      : find(args, n_args, text, len);
	const char *value = text[len] ? text + len + 1 : NULL;

	if (!a)
		return err_set(TT_EOPTION,
			       "unknown option --%.*s; --help "
			       "lists them",
			       (int)len, text);
	if (a->kind == ARG_FLAG && value)
		return err_set(TT_EOPTION, "--%s takes no value", a->name);
	if (a->kind != ARG_FLAG && !value) {
		if (!next)
			return err_set(TT_EOPTION, "--%s wants a value",
				       a->name);
		*took_next = true;
		value = next;
	}
	return assign(a, value);
}

int args_parse(const struct arg *args, size_t n_args, bool single_dash,
	       int argc, char **argv, int *n_pos)
{
	int n = 0, i;

	for (i = 1; i < argc; i++) {
		size_t skip = dashes(argv[i], single_dash);
		bool took_next = false;
		int r;

		if (!strcmp(argv[i], "--")) {
			i++;
			break;
		}
		if (skip == 0) {
			argv[++n] = argv[i];
			continue;
		}
		r = take_option(args, n_args, argv[i] + skip,
				i + 1 < argc ? argv[i + 1] : NULL, &took_next);
		if (r < 0)
			return r;
		i += took_next;
	}
	for (; i < argc; i++)
		argv[++n] = argv[i];
	*n_pos = n;
	return 0;
}

int args_address(const char *connect, const char *host, const char *port,
		 char *out, size_t cap)
{
	struct opt_env *env = NULL;
	bool is_v6;
	int n, r;

	if (!connect && !host && !port) {
		r = opt_env_new(".env", &env);
		if (r < 0)
			return r;
		connect = opt_env_get(env, "LISTEN");
		if (connect && !strcmp(connect, "off"))
			connect = NULL;
	}
	host = host ? host : DEFAULT_HOST;
	port = port ? port : DEFAULT_PORT;
	is_v6 = strchr(host, ':') && host[0] != '[';
	if (connect)
		n = snprintf(out, cap, "%s", connect);
	else
		n = snprintf(out, cap, "%s%s%s:%s", is_v6 ? "[" : "", host,
			     is_v6 ? "]" : "", port);
	opt_env_free(env);
	if (n < 0 || (size_t)n >= cap)
		return err_set(TT_EOPTION, "the server's address is too long");
	return 0;
}
