/* SPDX-License-Identifier: MIT */
/*
 * Statistics: the counters of counters.def, and gauges asked from the parts,
 * shown by tt_stats_each(). Thread-safe.
 */
#ifndef LSM_STATS_H
#define LSM_STATS_H

enum db_stat {
#define X(id, name, help) id,
#include "lsm/counters.def"
#undef X
	N_DB_STATS
};

#endif
