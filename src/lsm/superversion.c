/* SPDX-License-Identifier: MIT */
#include "lsm/superversion.h"

#include <stdlib.h>

#include "base/err.h"
#include "lsm/memtable.h"
#include "lsm/version.h"

int superversion_new(struct memtable *active, struct memtable *const *imm,
		     uint32_t n_imm, struct version *v,
		     struct superversion **out)
{
	struct superversion *sv =
		malloc(sizeof(*sv) + n_imm * sizeof(sv->imm[0]));

	if (!sv)
		return err_nomem("superversion");
	atomic_init(&sv->refs, 1);
	sv->active = memtable_ref(active);
	sv->version = version_ref(v);
	sv->resting = NULL;
	sv->n_imm = n_imm;
	for (uint32_t i = 0; i < n_imm; i++)
		sv->imm[i] = memtable_ref(imm[n_imm - 1 - i]);
	*out = sv;
	return 0;
}

struct superversion *superversion_ref(struct superversion *sv)
{
	(void)atomic_fetch_add_explicit(&sv->refs, 1, memory_order_relaxed);
	return sv;
}

void superversion_unref(struct superversion *sv)
{
	if (!sv ||
	    atomic_fetch_sub_explicit(&sv->refs, 1, memory_order_acq_rel) != 1)
		return;
	memtable_unref(sv->active);
	for (uint32_t i = 0; i < sv->n_imm; i++)
		memtable_unref(sv->imm[i]);
	version_unref(sv->version);
	free(sv);
}
