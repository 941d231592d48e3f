/* SPDX-License-Identifier: MIT */
#include "fs/settings.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/when.h"

static const struct opt_row rows[] = {
/* clang-format off */
#define OPT(name, ...) OPT_ROW(struct settings_values, name, __VA_ARGS__)
#include "base/common_options.def"
#include "server/options.def"
#include "fs/mount_options.def"
#undef OPT
	/* clang-format on */
};

/*
 * Options of mount(8) and fstab(5) that are no settings of ours. Those passed
 * on change the mount; the others are for mount(8) itself, or say what is the
 * case anyway.
 */
static const struct {
	const char *name;
	bool is_passed_on;
} mount_flags[] = {
	{ "ro", true },
	{ "rw", false },
	{ "suid", true },
	{ "nosuid", true },
	{ "dev", true },
	{ "nodev", true },
	{ "exec", true },
	{ "noexec", true },
	{ "sync", true },
	{ "async", false },
	{ "dirsync", true },
	{ "lazytime", false },
	{ "nolazytime", false },
	{ "defaults", false },
	{ "auto", false },
	{ "noauto", false },
	{ "user", false },
	{ "nouser", false },
	{ "users", false },
	{ "owner", false },
	{ "group", false },
	{ "_netdev", false },
	{ "nofail", false },
	{ "nonempty", false },
	{ "comment", false },
	/* what mount(8) takes from the mount table to remount */
	{ "user_id", false },
	{ "group_id", false },
	{ "max_read", false },
	{ "blksize", false },
	{ "uhelper", false },
	{ "helper", false },
	{ "loud", false },
	{ "silent", false },
	{ "noiversion", false },
	{ "iversion", false },
};

static int add_flag(struct buf *flags, const char *name)
{
	int r = flags->len ? buf_append_byte(flags, ',') : 0;

	return r == 0 ? buf_append_str(flags, name) : r;
}

/* The policies of access times, in the order of mount(8); the last one given
 * counts. The kernel keeps out of it: on FUSE they are the tree's. */
static bool take_atime_flag(struct settings *s, const char *name)
{
	static const struct {
		const char *name;
		enum tree_atime policy;
	} policies[] = {
		{ "noatime", TREE_ATIME_NEVER },
		{ "norelatime", TREE_ATIME_NEVER },
		{ "nostrictatime", TREE_ATIME_NEVER },
		{ "relatime", TREE_ATIME_RELATIVE },
		{ "atime", TREE_ATIME_RELATIVE },
		{ "strictatime", TREE_ATIME_ALWAYS },
	};

	for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
		if (strcmp(name, policies[i].name))
			continue;
		s->file_atime = policies[i].policy;
		return true;
	}
	if (!strcmp(name, "nodiratime"))
		s->is_nodiratime = true;
	else if (!strcmp(name, "diratime"))
		s->is_nodiratime = false;
	else
		return false;
	return true;
}

static int take_mount_flag(void *arg, const char *name, const char *value)
{
	struct settings *s = arg;

	(void)value;
	if (!strcmp(name, "remount")) {
		s->is_remount = true;
		return 0;
	}
	if (!strncmp(name, "x-", 2) || !strncmp(name, "X-", 2))
		return 0;
	if (!strcmp(name, "ro") || !strcmp(name, "rw"))
		s->is_ro = name[1] == 'o';
	if (take_atime_flag(s, name))
		return strcmp(name, "noatime") ? 0 : add_flag(&s->flags, name);
	for (size_t i = 0; i < ARRAY_LEN(mount_flags); i++) {
		if (strcmp(name, mount_flags[i].name))
			continue;
		return mount_flags[i].is_passed_on ? add_flag(&s->flags, name)
						   : 0;
	}
	return TT_NOTFOUND;
}

static void warn(const char *text)
{
	(void)fprintf(stderr, "ttrunksfs: %s\n", text);
}

struct command {
	struct opt_flag flags[5];
	struct opt_args args;
	const char *config; /* --config */
};

static void command_init(struct command *c, struct settings *s)
{
	const struct opt_flag flags[] = {
		{ .letter = 'f',
		  .name = "foreground",
		  .help = "Stay in the foreground, warnings on standard error.",
		  .seen = &s->wants_foreground },
		{ .name = "config",
		  .unit = "FILE",
		  .help = "Read settings from FILE instead of "
			  "STORE/ttrunks.conf or /etc/ttrunks.conf.",
		  .value = &c->config },
		{ .letter = 'h',
		  .name = "help",
		  .help = "Show this text.",
		  .seen = &s->wants_help },
		{ .letter = 'V',
		  .name = "version",
		  .help = "Show the version.",
		  .seen = &s->wants_version },
	};

	memset(c, 0, sizeof(*c));
	memcpy(c->flags, flags, sizeof(flags));
	c->args = (struct opt_args){
		.flags = c->flags,
		.n_flags = ARRAY_LEN(flags),
		.takes_lists = true,
		.other = take_mount_flag,
		.other_arg = s,
	};
}

/* The daemon leaves its directory: paths must not depend on it. */
static int make_absolute(const char *path, char **out)
{
	struct buf b = BUF_INIT;
	char cwd[PATH_MAX];
	int r = 0;

	if (path[0] != '/') {
		if (!getcwd(cwd, sizeof(cwd)))
			return err_errno(errno, "cannot tell the current "
						"directory");
		r = buf_printf(&b, "%s/", cwd);
	}
	if (r == 0)
		r = buf_append_str(&b, path);
	while (r == 0 && b.len > 1 && b.data[b.len - 1] == '/')
		buf_truncate(&b, b.len - 1);
	if (r == 0 && !buf_cstr(&b))
		r = -ENOMEM;
	if (r == 0)
		*out = (char *)buf_steal(&b, &(size_t){ 0 });
	buf_fini(&b);
	return r;
}

/*
 * The name by which the mount table knows it: no links. A mount whose daemon
 * has died cannot be resolved, its parent can.
 */
static void resolve(char **path)
{
	char *real = realpath(*path, NULL);
	char *slash = strrchr(*path, '/');
	char *parent, *joined;

	if (!real && slash != *path) {
		*slash = '\0';
		parent = realpath(*path, NULL);
		*slash = '/';
		if (parent && asprintf(&joined, "%s%s", parent, slash) >= 0)
			real = joined;
		free(parent);
	}
	if (!real)
		return; /* whoever uses it will say why */
	free(*path);
	*path = real;
}

static int take_paths(struct settings *s, const struct opt_env *env,
		      char **argv, int n_pos)
{
	const char *store = n_pos == 2 ? argv[1] : opt_env_get(env, "DATA_DIR");
	int r;

	if (n_pos > 2)
		return err_set(TT_EOPTION,
			       "command line: unexpected argument \"%s\"; see "
			       "--help",
			       argv[3]);
	if (n_pos == 0)
		return err_set(TT_EOPTION, "command line: STORE and MOUNTPOINT "
					   "are missing; see --help");
	if (!store)
		return err_set(TT_EOPTION,
			       "command line: STORE or MOUNTPOINT is missing "
			       "(STORE may come from TTRUNKSDB_DATA_DIR); see "
			       "--help");
	r = make_absolute(store, &s->store);
	if (r == 0)
		r = make_absolute(argv[n_pos], &s->mountpoint);
	if (r == 0)
		resolve(&s->mountpoint);
	return r;
}

/* A file that was named must be there; one of the usual two may. */
static int read_config(struct settings *s, const char *named)
{
	struct buf path = BUF_INIT;
	int r;

	if (named)
		return opt_read_file(&s->set, named);
	r = buf_printf(&path, "%s/ttrunks.conf", s->store);
	if (r == 0)
		r = buf_cstr(&path)
			    ? opt_read_file(&s->set, (const char *)path.data)
			    : -ENOMEM;
	buf_fini(&path);
	if (r == -ENOENT || r == -ENOTDIR)
		r = opt_read_file(&s->set, "/etc/ttrunks.conf");
	return r == -ENOENT ? 0 : r;
}

static int read_umask(struct settings *s)
{
	const char *text = s->v.umask;
	unsigned long value;
	char *end;

	if (!text)
		return 0;
	value = strtoul(text, &end, 8);
	if (text[0] < '0' || text[0] > '7' || *end || value > 0777)
		return err_set(TT_EOPTION,
			       "umask: \"%s\" is no octal number up to 777",
			       text);
	s->umask = (uint32_t)value;
	return 0;
}

static int read_as_of(struct settings *s)
{
	struct timespec now;

	if (!s->v.as_of)
		return 0;
	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
	if (when_parse(s->v.as_of,
		       (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000,
		       &s->as_of_us) < 0)
		return err_set(TT_EOPTION,
			       "as_of: \"%s\" is no time; write "
			       "2026-11-26T08:30Z, @SECONDS or 90m (ago)",
			       s->v.as_of);
	/* also what the kernel is told, lest programs find out one by one */
	s->is_ro = true;
	return add_flag(&s->flags, "ro");
}

int settings_read(struct settings *s, int argc, char **argv)
{
	struct opt_env *env = NULL;
	struct command c;
	int n_pos = 0;
	int r;

	memset(s, 0, sizeof(*s));
	r = opt_init(&s->set, rows, ARRAY_LEN(rows), &s->v);
	if (r < 0)
		return r;
	s->set.warn = warn;
	command_init(&c, s);
	r = opt_read_args(&s->set, &c.args, argc, argv, &n_pos);
	if (r < 0 || s->wants_help || s->wants_version)
		return r;
	r = opt_env_new(".env", &env);
	if (r == 0)
		r = opt_read_env(&s->set, env);
	if (r == 0)
		r = take_paths(s, env, argv, n_pos);
	if (r == 0)
		r = read_config(s, c.config ? c.config
					    : opt_env_get(env, "CONFIG"));
	opt_env_free(env);
	if (r == 0)
		r = read_umask(s);
	if (r == 0)
		r = read_as_of(s);
	return r == 0 && !buf_cstr(&s->flags) ? -ENOMEM : r;
}

void settings_fini(struct settings *s)
{
	opt_fini(&s->set);
	free(s->store);
	free(s->mountpoint);
	buf_fini(&s->flags);
}

int settings_help(struct settings *s, struct buf *out)
{
	struct command c;
	int r = buf_append_str(
		out,
		"Usage: ttrunksfs [-f] STORE MOUNTPOINT [-o NAME=VALUE,...]\n"
		"Mounts the store in directory STORE (made if missing) on "
		"MOUNTPOINT, and serves\nits port. Unmount with "
		"`umount MOUNTPOINT` or end the program with SIGTERM.\n\n");

	command_init(&c, s);
	return r == 0 ? opt_print_help(&s->set, &c.args, out) : r;
}

bool settings_has_port(const struct settings *s)
{
	return !s->v.no_port && strcmp(s->v.listen, "off") != 0;
}

/* "name=value" with commas and backslashes as libfuse wants them. */
static int add_text(struct buf *out, const char *name, const char *value)
{
	int r = add_flag(out, name);

	if (r == 0)
		r = buf_append_byte(out, '=');
	for (; r == 0 && *value; value++) {
		if (*value == ',' || *value == '\\')
			r = buf_append_byte(out, '\\');
		if (r == 0)
			r = buf_append_byte(out, (uint8_t)*value);
	}
	return r;
}

static bool is_given(const struct settings *s, const char *name)
{
	const struct opt_row *row = opt_find(&s->set, name);

	return s->set.source[row - rows] != OPT_SOURCE_DEFAULT;
}

static bool allows_other(const struct settings *s, bool is_root)
{
	return is_given(s, "allow_other") ? s->v.allow_other : is_root;
}

/* Without it, cached directories could be walked unchecked by others. */
static bool lets_kernel_check(const struct settings *s, bool is_root)
{
	return s->v.default_permissions || allows_other(s, is_root);
}

bool settings_has_acl(const struct settings *s, bool is_root)
{
	return s->v.acl && !s->v.no_xattr && lets_kernel_check(s, is_root) &&
	       s->v.uid < 0 && s->v.gid < 0 && !s->v.umask;
}

int settings_fuse_options(const struct settings *s, bool is_root,
			  struct buf *out)
{
	const char *fsname = s->v.fsname ? s->v.fsname : s->store;
	int r = 0;

	if (r == 0 && lets_kernel_check(s, is_root))
		r = add_flag(out, "default_permissions");
	if (r == 0 && allows_other(s, is_root))
		r = add_flag(out, "allow_other");
	if (r == 0 && s->flags.len && out->len)
		r = buf_append_byte(out, ',');
	if (r == 0)
		r = buf_append_slice(out, buf_slice(&s->flags));
	if (r == 0 && fsname[0])
		r = add_text(out, "fsname", fsname);
	if (r == 0 && s->v.subtype && s->v.subtype[0])
		r = add_text(out, "subtype", s->v.subtype);
	return r == 0 && !buf_cstr(out) ? -ENOMEM : r;
}
