/* SPDX-License-Identifier: MIT */
/* What choosing compactions takes, without a database: tables that are made up
 * of descriptions, or lie in the directory sst, and the versions of them. */
#ifndef TESTS_PICK_FIXTURE_H
#define TESTS_PICK_FIXTURE_H

#include <stdint.h>

#include "lsm/compact_pick.h"
#include "lsm/gc.h"
#include "lsm/options.h"
#include "lsm/table_cache.h"
#include "lsm/version.h"

struct pick_fixture {
	char *dir;
	struct table_cache *tables;
	struct gc *gc;
	struct version_builder builder;
	struct picker picker;
	uint64_t next_file;
};

void pick_fixture_init(struct pick_fixture *f, size_t memtable_bytes,
		       size_t table_bytes, unsigned l0_trigger);
void pick_fixture_fini(struct pick_fixture *f);

/* Adds a table, without a file, to the version to be built; returns the number
 * it gets. */
uint64_t pick_fixture_add(struct pick_fixture *f, struct table_desc d);

#endif
