/* SPDX-License-Identifier: MIT */
/*
 * The list of a backup's files: made, read, and the names that belong to it
 * (backup_format.h). What is read may be hostile: paths are made of numbers
 * alone. Stateless, thread-safe.
 */
#ifndef LSM_BACKUP_LIST_H
#define LSM_BACKUP_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct env;

struct backup_head {
	uint64_t id;
	int64_t time; /* microseconds since the epoch */
};

enum backup_kind {
	BACKUP_MANIFEST,
	BACKUP_TABLE,
	BACKUP_VALUES,
	BACKUP_LOG,
	BACKUP_OPTIONS,
};
#define N_BACKUP_KINDS 5

/* Files that backups share. */
static inline bool backup_is_shared(enum backup_kind kind)
{
	return kind == BACKUP_TABLE || kind == BACKUP_VALUES;
}

struct backup_file {
	enum backup_kind kind;
	uint64_t
		no; /* of the table, value file, segment, or manifest; else 1 */
	uint64_t bytes;
	uint64_t sum; /* XXH3 of the file */
	/* Of a shared file, what tells it from others of its number: a table's
	 * header checksum, the seal of a value file. */
	uint64_t identity;
};

/* ---- making ----------------------------------------------------------- */

/* Each appends to `out`: once the beginning, the files, once the end. */
int backup_list_begin(struct buf *out, const struct backup_head *h);
int backup_list_add(struct buf *out, const struct backup_file *f);
int backup_list_end(struct buf *out);

/* ---- reading ---------------------------------------------------------- */

typedef int (*backup_file_fn)(void *arg, const struct backup_file *f);

/*
 * Checks the whole text, then calls `fn` (may be NULL) for every file. A
 * return other than 0 ends it and is returned. TT_ECORRUPT or TT_EVERSION with
 * a text that begins with `path`.
 */
int backup_list_parse(const char *path, struct tt_slice text,
		      struct backup_head *h, backup_file_fn fn, void *arg);

/* Reads the list of backup `id` in `dir` into `text` and checks it. -ENOENT
 * when there is none. */
int backup_list_load(struct env *env, const char *dir, uint64_t id,
		     struct buf *text, struct backup_head *h);

/* The files of a text that backup_list_load() has found sound. */
int backup_list_each(const struct buf *text, backup_file_fn fn, void *arg);

/* ---- names; builders as in file_name.h -------------------------------- */

/* "DIR/000012" */
int path_backup(struct buf *out, const char *dir, uint64_t id);
/* "DIR/000012/LIST" */
int path_backup_list(struct buf *out, const char *dir, uint64_t id);
/* Where a backup whose own directory is `own` has a file that it does not
 * share. */
int path_own_file(struct buf *out, const char *own,
		  const struct backup_file *f);
/* Where backup `id` has a file. */
int path_backup_file(struct buf *out, const char *dir, uint64_t id,
		     const struct backup_file *f);
/* Where a store has it. */
int path_restored(struct buf *out, const char *dir,
		  const struct backup_file *f);

/* The number in "000012" and "000012.ttrunks-unfinished", 0 for others. */
uint64_t backup_id_of_name(const char *name, bool *is_unfinished);
/* Of the name of a shared file: kind, number and sums. False for other names.
 */
bool backup_shared_of_name(const char *name, struct backup_file *out);

/* The directory of shared files of a kind, "DIR/sst". */
int path_shared(struct buf *out, const char *dir, enum backup_kind kind);
/* One that is being copied there, and whether a name is that of one. */
int path_shared_tmp(struct buf *out, const char *dir,
		    const struct backup_file *f);
bool backup_is_shared_tmp(const char *name);

#endif
