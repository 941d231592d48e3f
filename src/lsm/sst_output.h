/* SPDX-License-Identifier: MIT */
/*
 * A stream of records cut into tables: what flush and compaction write to.
 *
 * A table ends at the size limit, at a guard, or where the caller asks for a
 * cut, but never between two versions of one key: all versions of a key lie in
 * one table of a run (version.h). Range tombstones are cut there. Finished tables are collected in a version
 * edit; they are durable, names included, once sst_output_finish() returned.
 * Until then they belong to the output, and sst_output_free() removes them.
 *
 * One thread at a time.
 */
#ifndef LSM_SST_OUTPUT_H
#define LSM_SST_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include "lsm/record.h"
#include "lsm/sst_writer.h"

struct env;
struct guards;
struct range_del;
struct sst_output;
struct value_mover;
struct version_edit;

#define SST_OUTPUT_PACE ((size_t)256 << 10)

struct sst_output_options {
	struct env *env; /* kept */
	const char *dir; /* the store; kept */
	struct sst_writer_options table;
	size_t table_bytes;	     /* where a table ends */
	unsigned level;		     /* for the edit … */
	uint64_t group;		     /* … as well */
	const struct guards *guards; /* NULL: none; kept */
	/* Takes values out; NULL: none does. Its user finishes it once the
	 * edit stands. */
	struct value_mover *mover;
	uint64_t (*new_file_no)(void *arg);
	/* Called every SST_OUTPUT_PACE bytes or so, to wait; NULL: does not. */
	void (*pace)(void *arg, size_t bytes);
	void *arg;
};

/* Adds finished tables to `edit` (kept). */
int sst_output_new(const struct sst_output_options *o,
		   struct version_edit *edit, struct sst_output **out);

/*
 * Before the first record: the range tombstones (kept) that go into the tables
 * too, sorted by range_del_cmp(), those of equal times apart. The output makes
 * the records of them that come between the others.
 */
void sst_output_set_ranges(struct sst_output *o, const struct range_del *dels,
			   size_t n);

/* Records come strictly ascending in internal order, without those of range
 * tombstones; copied. */
int sst_output_add(struct sst_output *o, const struct record *rec);

/* The record added last is an old version, which nobody needs who reads at
 * `until` or later. */
void sst_output_note_old(struct sst_output *o, const struct record *rec,
			 int64_t until);

/* Ends the table here: the next record, which must have another key than the
 * last, begins a new one. */
int sst_output_cut(struct sst_output *o);

/*
 * The same where only range tombstones are: ends the table with `key`, which
 * lies at or behind the last record and before the next, if one of them reaches
 * beyond it. 1 when that was so.
 */
int sst_output_cut_ranges(struct sst_output *o, struct tt_slice key);

/* Ends the last table and makes all of them durable; nothing may be added
 * any more, and they are the edit's from now on. */
int sst_output_finish(struct sst_output *o);

/* Frees, removing the tables unless finished. NULL does nothing. */
void sst_output_free(struct sst_output *o);

/* Removes the tables of a finished output, all that `edit` adds, when the edit
 * could not be written for want of space: nothing names them. Keeps the
 * caller's error text. */
void sst_output_discard(struct env *env, const char *dir,
			const struct version_edit *edit);

/* Bytes of the tables ended so far. */
uint64_t sst_output_bytes(const struct sst_output *o);

#endif
