/* SPDX-License-Identifier: MIT */
#include "tree/ino_alloc.h"

#include "tree/schema_format.h"
#include "tree/schema_key.h"

/* Numbers per reservation. */
#define RANGE 65536u

void ino_alloc_init(struct ino_alloc *a, struct tt *db, uint64_t next)
{
	mutex_init(&a->mu, RANK_TREE);
	a->db = db;
	a->next = next;
	a->end = next;
}

void ino_alloc_fini(struct ino_alloc *a)
{
	mutex_fini(&a->mu);
}

static int reserve_locked(struct ino_alloc *a)
{
	struct schema_fact f = {
		.head = SCHEMA_HEAD_FACT,
		.value = le64_make(a->end + RANGE),
	};
	struct schema_key k;
	int r;

	mutex_assert_held(&a->mu);
	r = tt_put(a->db, NULL, key_fact(&k, FACT_INO), SLICE(&f, sizeof(f)),
		   NULL);
	if (r < 0)
		return r;
	a->end += RANGE;
	return 0;
}

int ino_alloc_next(struct ino_alloc *a, uint64_t *out)
{
	int r = 0;

	mutex_lock(&a->mu);
	if (a->next == a->end)
		r = reserve_locked(a);
	if (r == 0)
		*out = a->next++;
	mutex_unlock(&a->mu);
	return r;
}
