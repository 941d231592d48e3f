/* SPDX-License-Identifier: MIT */
/*
 * What the program was told: its command line, the environment, `.env`, the
 * configuration file. See base/opt.h for how the sources rank.
 */
#ifndef FS_SETTINGS_H
#define FS_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/opt.h"
#include "tree/tree.h"

/* Values, one field per row of the three tables. */
struct settings_values {
/* clang-format off */
#define OPT OPT_FIELD
#include "base/common_options.def"
#include "server/options.def"
#include "fs/mount_options.def"
#undef OPT
	/* clang-format on */
};

struct settings {
	struct opt_set set;
	struct settings_values v;
	bool wants_foreground, wants_help, wants_version;
	bool is_remount; /* -o remount */
	/* what reading does to access times: relatime, … */
	enum tree_atime file_atime;
	bool is_nodiratime;
	bool is_ro;	  /* -o ro, or the past */
	uint32_t umask;	  /* v.umask, where it is given */
	int64_t as_of_us; /* v.as_of, or 0 */
	char *store;	  /* absolute path */
	char *mountpoint; /* absolute path */
	struct buf flags; /* for the mount: "ro,nosuid", a zero behind it */
};

/*
 * Reads every source. 0 or negative, TT_EOPTION for bad usage. With
 * wants_help or wants_version nothing else is filled in. settings_fini()
 * either way.
 */
int settings_read(struct settings *s, int argc, char **argv);
void settings_fini(struct settings *s);

/* The text of --help. 0 or -ENOMEM. */
int settings_help(struct settings *s, struct buf *out);

/* Whether the port is wanted at all. */
bool settings_has_port(const struct settings *s);

/* Whether the kernel is to know ACLs. `is_root`: whoever mounts is. */
bool settings_has_acl(const struct settings *s, bool is_root);

/* One mount option list for libfuse, from the rows and the flags; appended,
 * with a zero at its end. 0 or -ENOMEM. */
int settings_fuse_options(const struct settings *s, bool is_root,
			  struct buf *out);

#endif
