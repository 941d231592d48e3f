/* SPDX-License-Identifier: MIT */
/*
 * A directory of backups: what is in it, taking it for a change, and removing
 * what no backup needs. One thread at a time for an object.
 */
#ifndef LSM_BACKUP_DIR_H
#define LSM_BACKUP_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lsm/backup_list.h"

struct env;
struct env_lock;

struct backup_dir {
	struct env *env;
	char *path;
	struct env_lock *lock; /* NULL: only looked at */
	uint64_t *ids;	       /* of whole backups, rising */
	size_t n_ids, cap_ids;
	uint64_t highest;	    /* number, unfinished ones included */
	bool has_rests;		    /* of interrupted work */
	struct backup_file *shared; /* that are there, sorted; no sizes */
	size_t n_shared, cap_shared;
};

/*
 * Looks at the directory: which backups there are. TT_ENOSTORE when it is no
 * directory of backups. On failure of either, backup_dir_fini() it too.
 */
int backup_dir_look(struct backup_dir *d, struct env *env, const char *path);

/*
 * Takes it for a change and notes the shared files. TT_ELOCKED when another has it.
 * With `create` it is made when it is missing or empty; TT_EFOREIGN when it
 * holds other things.
 */
int backup_dir_take(struct backup_dir *d, struct env *env, const char *path,
		    bool create);
void backup_dir_fini(struct backup_dir *d);

bool backup_dir_has(const struct backup_dir *d, uint64_t id);

/*
 * The shared file of that kind, number and identity, with f->sum filled in, if
 * it is there with all of its f->bytes.
 */
bool backup_dir_find(const struct backup_dir *d, struct backup_file *f);

/*
 * Removes `n` backups (there may be none), the shared files that no other needs, and
 * the rests of interrupted work. All lists of those that stay must be sound;
 * otherwise nothing is removed. After a failure the next sweep goes on.
 */
int backup_dir_sweep(struct backup_dir *d, const uint64_t *ids, size_t n);

#endif
