/* SPDX-License-Identifier: MIT */
/*
 * A cut: the store at one moment, held still so that its files can be copied
 * while writes go on.
 *
 * It is a version, whose tables stay on disk as long as the cut refers to it,
 * the value files of that moment, and the log from the place that the version's tables reach to the place
 * where the log ended when the cut was made. The tables hold a prefix of the
 * history and the log continues it (README.md, invariant 4), so the two are
 * exactly the writes that had returned by then, and perhaps the first ones of
 * those in progress: what a crash at that moment would have left, had all of
 * it been durable.
 *
 * Making one takes no place in the write queue. It waits for value files with
 * much in them to be sealed: then they are linked, or known again by the next
 * copy, and what is copied of the others is bounded.
 *
 * cut_each_file() is the one list of what a copy of a store consists of,
 * besides the manifest, which is written anew for each copy. Whoever adds a
 * kind of file to a store adds it there.
 */
#ifndef LSM_CUT_H
#define LSM_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lsm/value_log.h"
#include "lsm/version_edit.h"

struct buf;
struct copier;
struct tt;
struct version;
struct wal_piece;

struct cut {
	struct tt *db; /* keeps */
	struct version *version;
	struct version_edit numbers; /* no tables */
	uint64_t log_from, log_to;   /* LSNs */
	struct wal_piece *pieces;
	size_t n_pieces;
	struct value_cut values;
	bool holds_log;
	bool is_log_sealed;
	bool has_options;
	uint64_t options_bytes;
	uint64_t bytes; /* of all files, the manifest not counted */
	uint64_t n_files;
};

/* On failure too, cut_fini() it. */
int cut_make(struct cut *c, struct tt *db);
void cut_fini(struct cut *c);

/* Lets the log go, which grows while it is held. The cut's log files may not
 * be touched any more. */
void cut_drop_log(struct cut *c);

enum cut_kind { CUT_TABLE, CUT_VALUES, CUT_LOG, CUT_OPTIONS };

struct cut_file {
	enum cut_kind kind;
	uint64_t no;	/* 1 where there is but one */
	uint64_t bytes; /* what is to be copied of it, from the start */
	/* It never changes any more and is durable: a link is a copy, even
	 * where it is longer than `bytes`. */
	bool is_sealed;
	uint32_t first_record; /* CUT_LOG: where the needed part begins */
	uint64_t seal;	       /* CUT_VALUES: what it has in the copy */
};

typedef int (*cut_file_fn)(void *arg, const struct cut_file *f);

/* Calls `fn` for every file, those of the log first, the tables last. A return other than 0 ends the
 * walk and is returned. */
int cut_each_file(const struct cut *c, cut_file_fn fn, void *arg);

/*
 * Makes durable the log's files before the last, which are sealed then.
 * Without it they may be copied, not linked. Fails in a poisoned log.
 */
int cut_seal_log(struct cut *c);

/* The path of such a file in the store at `dir`; see file_name.h. */
int cut_file_path(struct buf *out, const char *dir, const struct cut_file *f);

/*
 * Copies a file of the cut to the path `to`, durable but for its name, and
 * checks meanwhile that what is copied is sound: every block of a table,
 * every value that a table points to, every record of the log. *out_sum is the XXH3 of the copy.
 */
int cut_copy_file(const struct cut *c, struct copier *copier,
		  const struct cut_file *f, const char *to, uint64_t *out_sum);

/* Writes the manifest that says this cut into `dir`, durable; its number. */
int cut_write_manifest(const struct cut *c, const char *dir, uint64_t *out_no);

#endif
