/* SPDX-License-Identifier: MIT */
/*
 * The value files of a version: which there are, how long they are, and how
 * much of each its tables point to. Immutable once built, counted, shared by
 * versions between which nothing of it changes.
 *
 * What lives in a file is the sum over the tables, which the manifest has
 * table by table; from version to version only what changed is added and
 * taken away. There is no count that could be wrong and stay wrong:
 * version_values_check() adds everything up anew, in tests and debug builds.
 */
#ifndef LSM_VERSION_VALUES_H
#define LSM_VERSION_VALUES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lsm/value_refs.h"

struct table_desc;
struct value_file;
struct value_log;
struct version;

struct version_value {
	struct value_file *file; /* a reference; NULL without a log of values */
	uint64_t no;
	uint64_t bytes; /* of the file; 0: not sealed */
	uint64_t seal;
	/* Of its records that tables point to, as often as they do: values that
	 * keys share may add up to more than the file has. */
	uint64_t live;
};

struct version_values {
	_Atomic uint32_t refs;
	uint32_t n;
	/* sums */
	uint64_t bytes;		  /* of sealed files */
	uint64_t live;		  /* in them, of none more than it has */
	struct version_value v[]; /* rising numbers */
};

struct version_values *version_values_ref(struct version_values *vv);
/* NULL does nothing. */
void version_values_unref(struct version_values *vv);

/* The file of that number, NULL when there is none; `vv` may be NULL. */
const struct version_value *version_values_find(const struct version_values *vv,
						uint64_t no);

struct value_name version_value_name(const struct version_value *v);

/* True when the sums are those of the version's tables. */
bool version_values_check(const struct version *v);

/* ---- building --------------------------------------------------------- */

struct values_builder {
	struct value_log *log; /* may be NULL */
	struct version_values *base;
	bool is_changed;
	struct version_value *v;
	size_t n, cap;
};

/* Begins with what `base` has (a reference is taken; NULL: nothing). */
int values_builder_init(struct values_builder *b, struct value_log *log,
			struct version_values *base);
void values_builder_fini(struct values_builder *b);

/* Names a file, or its length and seal. */
int values_builder_add_file(struct values_builder *b,
			    const struct value_name *name);
/* TT_ECORRUPT when there is none, or a table points into it. */
int values_builder_drop_file(struct values_builder *b, uint64_t no);

/* A table comes or leaves. TT_ECORRUPT when it points into a file that is not
 * there. */
int values_builder_add_table(struct values_builder *b,
			     const struct table_desc *d);
int values_builder_drop_table(struct values_builder *b,
			      const struct table_desc *d);

/* Gives every file its struct value_file from the log. */
int values_builder_bind(struct values_builder *b);

/* Builds; *out may be NULL, for no files at all. */
int values_builder_finish(struct values_builder *b,
			  struct version_values **out);

#endif
