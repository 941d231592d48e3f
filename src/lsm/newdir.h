/* SPDX-License-Identifier: MIT */
/*
 * A directory that appears whole, under its name, or not at all: it is built
 * beside its place as PATH.ttrunks-unfinished, made durable, and renamed. What
 * a crash leaves unfinished is removed by whoever builds for the same path
 * next.
 *
 * While a store is built its LOCK is held, so that no other process builds
 * for the same path and nobody opens it. One thread at a time.
 */
#ifndef LSM_NEWDIR_H
#define LSM_NEWDIR_H

#include <stdbool.h>

struct env;
struct env_lock;

#define UNFINISHED_SUFFIX ".ttrunks-unfinished"

struct newdir {
	struct env *env;
	char *path; /* where it will be */
	char *tmp;  /* where it is built */
	struct env_lock *lock;
	bool is_store;
};

/*
 * Begins: there is an empty d->tmp, for a store with empty directories of
 * tables, values and log. The parents of `path` are made when missing. -ENOTEMPTY when
 * `path` is a directory with something in it (an empty one will be replaced),
 * -ENOTDIR when it is a file. On failure too, newdir_fini() it.
 */
int newdir_begin(struct newdir *d, struct env *env, const char *path,
		 bool is_store);

/* Makes its names durable and puts it in its place. The files in it are
 * durable already. */
int newdir_commit(struct newdir *d);

/* Leaves what was built so far where it is, as a crash would. */
void newdir_leave(struct newdir *d);

/* Removes what was not committed and frees. */
void newdir_fini(struct newdir *d);

/* Removes such an unfinished directory with the files of ours that are in it.
 * -ENOTEMPTY when there is something else. */
int newdir_remove(struct env *env, const char *tmp);

#endif
