/* SPDX-License-Identifier: MIT */
/*
 * Reading CURRENT and manifests: recovery, the dumper, tests. Nothing on disk
 * is trusted and nothing is changed. Thread-safe.
 */
#ifndef LSM_MANIFEST_READER_H
#define LSM_MANIFEST_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "lsm/version_edit.h"

struct env;

/*
 * The number of the live manifest. -ENOENT without CURRENT; TT_EVERSION for a
 * format of another time, TT_ECORRUPT for anything that is not ours.
 */
int current_read(struct env *env, const char *dir, uint64_t *out_file_no);

struct manifest_end {
	uint64_t end;	    /* behind the last valid record */
	uint64_t n_records; /* valid ones */
	bool is_torn;	    /* a record that was cut off lies behind */
};

/* One record, decoded. A return other than 0 ends the reading. */
typedef int (*manifest_edit_fn)(void *arg, uint64_t offset,
				const struct version_edit *edit);

/*
 * Reads the manifest at `path` from front to back, past the page cache: after
 * a failed sync that may show records that are not on the disk, that no later
 * sync will write, and that nothing may lean on. Ends at a torn tail, which
 * is normal after a crash; a record that does not verify with a valid one
 * behind it is TT_ECORRUPT naming file and offset.
 */
int manifest_read(struct env *env, const char *path, manifest_edit_fn fn,
		  void *arg, struct manifest_end *out);

#endif
