/* SPDX-License-Identifier: MIT */
/*
 * What the tests of checkpoints and backups share: a small store on a disk
 * that fails on command, with a history (ladder.h) that shows whether a copy
 * is exact. Use copy_setup() and copy_teardown() as a checked fixture. One
 * thread, but for load_start().
 */
#ifndef TESTS_SUPPORT_COPY_FIXTURE_H
#define TESTS_SUPPORT_COPY_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "base/rand.h"
#include "tests/support/fault_env.h"
#include "ttrunks.h"

extern char *dir; /* all of it */
extern struct tt_options *opts;
extern struct fault_env *fault;
extern struct env *env; /* of fault */
extern struct tt *db;	/* "DIR/store" */
extern struct rng rng;
extern uint64_t steps; /* of ladder 0, so far */

void copy_setup(void);
void copy_teardown(void);

/* A new directory with an empty store, under the present options. */
void start_over(void);

/* Opens DIR/store as `db`. */
void open_store(void);

/* Takes `n` steps more. */
void climb(unsigned n);

/* How far to the next call that fails: all are visited with TT_TEST_SCALE=3,
 * one in three otherwise. */
uint64_t stride(void);

/* Whether DIR/NAME is there, behind the back of the environment. */
bool is_there(const char *name);

/* Names in the directory DIR/NAME. */
unsigned count_names(const char *name);

/* A name in the directory DIR/NAME; valid until the next call. */
const char *some_name(const char *name);

/* Opens the store DIR/NAME and looks at all of it; the step it has come to. */
uint64_t check_store(const char *name);

/* Flips a bit of a file. */
void flip_byte(const char *path, uint64_t at);

/* Prints a text as a comment; for tt_verify() and its like. */
void print_text(void *arg, const char *text);

/* ---- backups, in DIR/backups ------------------------------------------ */

int backup(uint64_t *id); /* of `db`; id may be NULL */
int restore(uint64_t id, const char *name);
int verify(uint64_t id);
int delete_backup(uint64_t id);
int prune(uint64_t keep);

struct listed {
	uint64_t ids[32]; /* of sound ones */
	unsigned n, n_damaged;
};
struct listed list_backups(void);

/* ---- progress --------------------------------------------------------- */

/* Ends the work with the call after `n_most`. */
struct watcher {
	struct tt_progress last;
	unsigned n_calls, n_most;
};

/* For tt_copy_options, with a struct watcher. */
int watch(void *arg, const struct tt_progress *p);

/* The last thing told was that all is done; begins anew. */
void expect_finished(struct watcher *w);

/* ---- load ------------------------------------------------------------- */

#define N_WRITERS 3

/* How far each ladder is. */
struct heights {
	uint64_t at[N_WRITERS];
};

/* Reopens `db` without faults, and has N_WRITERS threads climb. */
void load_start(void);
/* Waits until they have come `n` steps further; where they are then. */
struct heights load_wait(uint64_t n);
/* Where they are, the step in progress included. */
struct heights load_now(void);
void load_stop(void);

/* The store DIR/NAME is a state between the two. */
void check_heights(const char *name, const struct heights *least,
		   const struct heights *most);

#endif
