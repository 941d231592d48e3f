/* SPDX-License-Identifier: MIT */
/*
 * Which tables are worth rewriting for the old versions in them, whatever the
 * sizes of the levels.
 *
 * Flush and compaction keep old versions for who reads at a time before, and
 * note them in the table's description. Once nobody does, the next compaction
 * of the table drops them; but where nobody writes none may ever come, so the
 * table is rewritten where it is. That pays where the old versions are a good
 * part of it. Where they are not it waits, the longer the less there is to be
 * gained, for that next compaction: readers that come and go while much is
 * written leave a few behind in every table, and each would be written twice.
 *
 * A table that was rewritten has none left. So whatever happens, what this
 * writes is bounded by what other compactions write.
 *
 * Plain arithmetic over descriptions.
 */
#ifndef LSM_OLD_VERSIONS_H
#define LSM_OLD_VERSIONS_H

#include <stdint.h>

struct run;
struct table_desc;

/*
 * From which time on the table is worth it, provided that nobody reads at a
 * time before old.until then; TS_NEWEST: it has no old versions.
 */
int64_t old_versions_ripe_at(const struct table_desc *d);

/* The table of `run` for which that is the earliest, RUN_NONE (tombstones.h)
 * when none has old versions. */
uint32_t run_find_old(const struct run *run);

#endif
