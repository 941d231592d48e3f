/* SPDX-License-Identifier: MIT */
/*
 * STORE/OPTIONS: what the store has been opened with, so that whoever opens it
 * next need not say it again. Form: options_format.h.
 *
 * Recorded is what a caller sets; what nobody ever set is not there, and
 * follows the defaults of the program. When the store is opened, what the
 * caller sets counts first, then the file, then the default. Settings of the
 * machine rather than of the store (options_is_of_store()) are recorded, but
 * taken up only by tt_options_load().
 *
 * The file is a convenience: nothing about it keeps a store from opening. What
 * this version does not know (a newer one wrote it) is ignored and kept. A
 * file that cannot be understood is not used and stays as it is, until a
 * caller sets something; then a damaged one is replaced.
 *
 * One thread at a time.
 */
#ifndef LSM_OPTIONS_FILE_H
#define LSM_OPTIONS_FILE_H

#include <stdbool.h>

#include "base/buf.h"

struct env;
struct tt_options;

struct options_file {
	/* set in options_file_open(), then constant */
	struct env *env; /* kept */
	const char *dir; /* kept */
	int error;	 /* why it cannot be used; 0: it can, or is missing */
	struct buf text; /* as it is on disk; empty: missing or not read */

	struct tt_options *known; /* owned: the lines that we understand */
	struct buf other;	  /* the others, as they stand */
};

/*
 * Reads it. 0, also when it is missing (`text` is empty then); otherwise a
 * failure with its text, and `f` can be used as if the file were empty. In
 * either case options_file_fini() it. Only after -ENOMEM it is of no use.
 */
int options_file_open(struct options_file *f, struct env *env, const char *dir);
void options_file_fini(struct options_file *f);

/* The parts of options_file_open(): an empty one, and what the file says. */
int options_file_init(struct options_file *f, struct env *env, const char *dir);
int options_file_parse(struct options_file *f, struct tt_slice text);

/* True when the file may have said something of this option that could not be
 * understood. */
bool options_file_may_hide(const struct options_file *f, const char *name);

/*
 * Records what `opts` sets explicitly, beside what was recorded before, and
 * writes the file if that changes it. Does nothing to a file of a newer
 * version, or one that could not be read.
 */
int options_file_record(struct options_file *f, const struct tt_options *opts);

#endif
