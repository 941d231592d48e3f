/* SPDX-License-Identifier: MIT */
/*
 * Settings from one table: struct field, parser, --help, .env.example and
 * manual text all come from the same rows.
 *
 * A module lists its rows in a .def file (see common_options.def):
 *
 *	OPT(name, TYPE, default, min, max, choices, unit, when, help)
 *
 * and a program joins the lists it wants:
 *
 *	struct settings {
 *	#define OPT OPT_FIELD
 *	#include "base/common_options.def"
 *	#undef OPT
 *	};
 *	static const struct opt_row rows[] = {
 *	#define OPT(name, ...) OPT_ROW(struct settings, name, __VA_ARGS__)
 *	#include "base/common_options.def"
 *	#undef OPT
 *	};
 *
 * Types and their fields: BOOL bool, INT int64_t, SIZE uint64_t (bytes; 64k,
 * 1M, 2G, KiB MiB GiB TiB, all 1024-based), DURATION int64_t (milliseconds;
 * 500ms, 1s, 2m, 1h, 1d; a bare number is ms), STRING char * (owned by the
 * set), ENUM int (index into the space-separated choices).
 *
 * One name everywhere, here "sync_interval": --sync-interval or
 * --sync_interval on the command line, -o sync_interval= on a mount,
 * TTRUNKSDB_SYNC_INTERVAL in the environment or in .env, sync_interval = in
 * the configuration file. The sources may be read in any order: a value from
 * a stronger one is never replaced by a weaker (enum opt_source is the
 * order); among equals the last wins.
 *
 * A bad value is TT_EOPTION with a text that names the source, the setting,
 * the value and what is legal. Not thread-safe.
 */
#ifndef BASE_OPT_H
#define BASE_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"

enum opt_type {
	OPT_BOOL,
	OPT_INT,
	OPT_SIZE,
	OPT_DURATION,
	OPT_STRING,
	OPT_ENUM,
};

/* Weakest first. */
enum opt_source {
	OPT_SOURCE_DEFAULT,
	OPT_SOURCE_FILE,   /* configuration file */
	OPT_SOURCE_DOTENV, /* .env in the current directory */
	OPT_SOURCE_ENV,	   /* the real environment */
	OPT_SOURCE_ARGS,   /* command line, -o included */
};

/* When a setting may change. */
enum opt_when {
	OPT_AT_CREATE, /* fixed when the store is made */
	OPT_AT_START,  /* read when the program starts */
	OPT_ANY_TIME,  /* may change while it runs */
};

struct opt_row {
	const char *name;
	enum opt_type type;
	const char *def; /* text of the default; NULL: none (string) */
	int64_t min;
	int64_t max;
	const char *choices; /* enum: "none lz4 zstd" */
	const char *unit;    /* shown as --name=UNIT */
	enum opt_when when;
	const char *help; /* full sentences */
	size_t offset;	  /* of the field */
};

#define OPT_FIELD_BOOL(name) bool name;
#define OPT_FIELD_INT(name) int64_t name;
#define OPT_FIELD_SIZE(name) uint64_t name;
#define OPT_FIELD_DURATION(name) int64_t name;
#define OPT_FIELD_STRING(name) char *name;
#define OPT_FIELD_ENUM(name) int name;
#define OPT_FIELD(name, TYPE, ...) OPT_FIELD_##TYPE(name)
#define OPT_ROW(record, name_, TYPE, def_, min_, max_, choices_, unit_, when_, \
		help_)                                                         \
	{ #name_,   OPT_##TYPE, def_,  min_,  max_,                            \
	  choices_, unit_,	when_, help_, offsetof(record, name_) },

#define OPT_MAX_ROWS 96

/* A table, the values, and where each came from. */
struct opt_set {
	/* set at birth, then constant */
	const struct opt_row *rows;
	size_t n_rows;
	void *values; /* the program's struct, kept */
	/* Names that other programs know: skipped without a word in files
	 * and environments that programs share. NULL-ended; may be NULL. */
	const char *const *also_known;
	/* Told about what is odd but harmless (an unknown TTRUNKSDB_ name);
	 * may be NULL. */
	void (*warn)(const char *text);
	/* per row */
	enum opt_source source[OPT_MAX_ROWS];
	char *where[OPT_MAX_ROWS]; /* "FILE:LINE", owned; or NULL */
};

/* Sets every field to its default. 0 or negative. `rows` and `values` are
 * kept. A default that does not parse is our own bug and asserts. */
int opt_init(struct opt_set *s, const struct opt_row *rows, size_t n_rows,
	     void *values);
/* Frees the strings in the values too. */
void opt_fini(struct opt_set *s);

/* Finds a row; '-' and '_' are the same. NULL when unknown. */
const struct opt_row *opt_find(const struct opt_set *s, const char *name);

/* True when the row has its value from somewhere, not by default. */
static inline bool opt_is_given(const struct opt_set *s,
				const struct opt_row *row)
{
	return s->source[row - s->rows] != OPT_SOURCE_DEFAULT;
}

/*
 * Gives a setting a value from `source`; `where` (may be NULL) is a more
 * exact place for messages. A missing value ("" for NULL) is true for a BOOL
 * and an error for others. Unknown names: TT_EOPTION with a suggestion.
 */
int opt_assign(struct opt_set *s, const char *name, const char *value,
	       enum opt_source source, const char *where);

/* --------------------------------------------------------- sources */

/* `name = value` lines, # comments, values may be "quoted". -ENOENT when the
 * file is missing. Errors name file and line. */
int opt_read_file(struct opt_set *s, const char *path);

/*
 * The environment: TTRUNKSDB_* from the real one and from a .env file.
 * Programs ask it for what is no row (DATA_DIR, CONFIG) by opt_env_get().
 */
struct opt_env;

/*
 * Reads KEY=value lines of `dotenv_path` (NULL: none; a missing file is
 * fine): optional quotes, "export", comments. Other names than TTRUNKSDB_*
 * are skipped.
 */
int opt_env_new(const char *dotenv_path, struct opt_env **out);
void opt_env_free(struct opt_env *e);

/* The value of TTRUNKSDB_NAME, the real environment first; NULL when unset
 * or empty. `name` is "DATA_DIR". Valid until opt_env_free(). */
const char *opt_env_get(const struct opt_env *e, const char *name);

/* Assigns every row found there; warns about unknown TTRUNKSDB_ names other
 * than DATA_DIR and CONFIG. */
int opt_read_env(struct opt_set *s, const struct opt_env *e);

/*
 * A name that is no row, in an -o list. 0: taken. TT_NOTFOUND: not known
 * there either, an error with a suggestion follows. Negative: failed.
 */
typedef int (*opt_other_fn)(void *arg, const char *name, const char *value);

/*
 * "a=b,c,d=e" as mount options come; "\," is a comma and "\\" a backslash.
 * `other` may be NULL.
 */
int opt_read_list(struct opt_set *s, const char *list, opt_other_fn other,
		  void *arg);

/* ---------------------------------------------------- command lines */

/* An option of one program that is no setting: -f, --help, --config=FILE. */
struct opt_flag {
	char letter;	  /* 'f' for -f; 0: none */
	const char *name; /* "foreground"; NULL: none */
	const char *unit; /* NULL: takes no value */
	const char *help;
	bool *seen;	    /* set to true; may be NULL */
	const char **value; /* set to the value, from argv; may be NULL */
};

struct opt_args {
	const struct opt_flag *flags;
	size_t n_flags;
	bool takes_lists;   /* knows -o LIST */
	opt_other_fn other; /* for -o; may be NULL */
	void *other_arg;
};

/*
 * Parses argv[1..]: --name=value, --name value, --name and --no-name for
 * BOOLs, flags, -o LIST. Positional arguments, and all after "--", are moved
 * to argv[1..*n_pos] in order. Unknown or incomplete: TT_EOPTION.
 */
int opt_read_args(struct opt_set *s, const struct opt_args *a, int argc,
		  char **argv, int *n_pos);

/* ----------------------------------------------------- texts for people */

/* Lines of --help for flags and rows, 80 columns. */
int opt_print_help(const struct opt_set *s, const struct opt_args *a,
		   struct buf *out);

/* `.env.example`: each row commented out with help and default. */
int opt_print_dotenv(const struct opt_set *s, struct buf *out);

/* The same as a configuration file. */
int opt_print_conf(const struct opt_set *s, struct buf *out);

/* roff (man) text: a .TP paragraph per row. */
int opt_print_man(const struct opt_set *s, struct buf *out);

/* "memory = 256M  (environment)", one line per row. */
int opt_print_effective(const struct opt_set *s, struct buf *out);

/* The text of one row's value now, as it would be parsed. */
int opt_value_text(const struct opt_set *s, const struct opt_row *row,
		   struct buf *out);

/* "default", "ttrunks.conf:3", ".env:2", "environment", "command line".
 * Valid until the row changes. */
const char *opt_source_text(const struct opt_set *s, const struct opt_row *row);

/* "from 16M to 1T", "one of none lz4 snappy zstd": what a row accepts. */
int opt_range_text(const struct opt_row *row, struct buf *out);

/* ------------------------------------------------------------ values */

/* 64k, 1M, 2GiB -> bytes; -EINVAL, -ERANGE. */
int opt_parse_size(const char *text, uint64_t *out);
/* 500ms, 1s, 2m -> milliseconds; -EINVAL, -ERANGE. */
int opt_parse_duration(const char *text, int64_t *out_ms);
/* yes/no, true/false, on/off, 1/0; -EINVAL. */
int opt_parse_bool(const char *text, bool *out);
int opt_parse_int(const char *text, int64_t *out);
/* Shortest exact text: 64M, 1500ms, 2s. */
int opt_format_size(uint64_t bytes, struct buf *out);
int opt_format_duration(int64_t ms, struct buf *out);

/* The nearest of `n` names to `name`, NULL when none is near. For "did you
 * mean". `get` gives the i-th. */
const char *opt_nearest(const char *name, size_t n,
			const char *(*get)(const void *arg, size_t i),
			const void *arg);

#endif
