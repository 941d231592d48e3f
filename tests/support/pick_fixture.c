/* SPDX-License-Identifier: MIT */
#include "support/pick_fixture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/env.h"
#include "support/check_main.h"
#include "support/tmpdir.h"

static void nothing(void *arg)
{
	(void)arg;
}

void pick_fixture_init(struct pick_fixture *f, size_t memtable_bytes,
		       size_t table_bytes, unsigned l0_trigger)
{
	struct db_config c = {
		.memtable_bytes = memtable_bytes,
		.table_bytes = table_bytes,
		.level_ratio = 10,
		.l0_trigger = l0_trigger,
	};
	struct table_cache_options o = { env_posix(), NULL, 1 << 20, 16 };
	char *sst;

	f->dir = tmpdir_new();
	sst = strdup(tmpdir_path(f->dir, "sst"));
	ck_assert_int_eq(mkdir(sst, 0755), 0);
	o.dir = sst;
	ck_ok(table_cache_new(&o, &f->tables));
	ck_ok(gc_new(env_posix(), f->dir, f->tables, NULL, nothing, NULL,
		     &f->gc));
	free(sst);
	version_builder_init(&f->builder);
	picker_init(&f->picker, &c);
	f->next_file = 1;
}

void pick_fixture_fini(struct pick_fixture *f)
{
	picker_fini(&f->picker);
	version_builder_fini(&f->builder);
	gc_free(f->gc);
	table_cache_free(f->tables);
	tmpdir_free(f->dir);
}

uint64_t pick_fixture_add(struct pick_fixture *f, struct table_desc d)
{
	struct table *t;

	d.file_no = f->next_file++;
	ck_ok(table_new(f->gc, &d, &t));
	ck_ok(version_builder_add(&f->builder, t, d.level, d.group));
	table_unref(t);
	return d.file_no;
}
