/* SPDX-License-Identifier: MIT */
/*
 * What ttrunks.h says of directories of backups, in any environment: the
 * functions there are these over the real one.
 */
#ifndef LSM_BACKUP_H
#define LSM_BACKUP_H

#include <stdint.h>

#include "ttrunks.h"

struct env;

int backup_each(struct env *env, const char *dir,
		int (*fn)(void *arg, const struct tt_backup_info *info),
		void *arg);
int backup_restore(struct env *env, const char *dir, uint64_t id,
		   const char *target, const struct tt_copy_options *opts);
int backup_verify(struct env *env, const char *dir, uint64_t id,
		  void (*fn)(void *arg, const char *text), void *arg,
		  const struct tt_copy_options *opts);
int backup_delete(struct env *env, const char *dir, uint64_t id);
int backup_prune(struct env *env, const char *dir, uint64_t keep);

#endif
