/* SPDX-License-Identifier: MIT */
#include "lsm/version_values.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "lsm/value_log.h"
#include "lsm/version.h"

struct version_values *version_values_ref(struct version_values *vv)
{
	(void)atomic_fetch_add_explicit(&vv->refs, 1, memory_order_relaxed);
	return vv;
}

void version_values_unref(struct version_values *vv)
{
	if (!vv ||
	    atomic_fetch_sub_explicit(&vv->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (uint32_t i = 0; i < vv->n; i++)
		value_file_unref(vv->v[i].file);
	free(vv);
}

/* The first whose number is not below `no`. */
static size_t lower_bound(const struct version_value *v, size_t n, uint64_t no)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (v[mid].no < no)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct version_value *version_values_find(const struct version_values *vv,
						uint64_t no)
{
	size_t at;

	if (!vv)
		return NULL;
	at = lower_bound(vv->v, vv->n, no);
	return at < vv->n && vv->v[at].no == no ? &vv->v[at] : NULL;
}

/* ---- building --------------------------------------------------------- */

int values_builder_init(struct values_builder *b, struct value_log *log,
			struct version_values *base)
{
	*b = (struct values_builder){ .log = log };
	if (!base)
		return 0;
	b->v = malloc((base->n + 1) * sizeof(*b->v));
	if (!b->v)
		return err_nomem("version");
	b->base = version_values_ref(base);
	b->n = base->n;
	b->cap = base->n + 1;
	memcpy(b->v, base->v, base->n * sizeof(*b->v));
	for (size_t i = 0; i < b->n; i++)
		if (b->v[i].file)
			(void)value_file_ref(b->v[i].file);
	return 0;
}

void values_builder_fini(struct values_builder *b)
{
	for (size_t i = 0; i < b->n; i++)
		value_file_unref(b->v[i].file);
	free(b->v);
	version_values_unref(b->base);
	*b = (struct values_builder){ .log = b->log };
}

struct value_name version_value_name(const struct version_value *v)
{
	return (struct value_name){ v->no, v->bytes, v->seal };
}

/* The entry of file `no`, NULL when there is none. */
static struct version_value *find(struct values_builder *b, uint64_t no)
{
	size_t at = lower_bound(b->v, b->n, no);

	return at < b->n && b->v[at].no == no ? &b->v[at] : NULL;
}

int values_builder_add_file(struct values_builder *b,
			    const struct value_name *name)
{
	uint64_t no = name->file_no;
	size_t at = lower_bound(b->v, b->n, no);

	b->is_changed = true;
	if (at < b->n && b->v[at].no == no) {
		b->v[at].bytes = name->bytes;
		b->v[at].seal = name->seal;
		return 0;
	}
	if (b->n == b->cap) {
		size_t cap = b->cap ? 2 * b->cap : 8;
		struct version_value *v = realloc(b->v, cap * sizeof(*v));

		if (!v)
			return err_nomem("version");
		b->v = v;
		b->cap = cap;
	}
	memmove(&b->v[at + 1], &b->v[at], (b->n - at) * sizeof(*b->v));
	b->v[at] =
		(struct version_value){ NULL, no, name->bytes, name->seal, 0 };
	b->n++;
	return 0;
}

int values_builder_drop_file(struct values_builder *b, uint64_t no)
{
	struct version_value *e = find(b, no);

	if (!e || e->live)
		return err_set(
			TT_ECORRUPT,
			"manifest: drops value file %06" PRIu64 ", %s", no,
			e ? "to which tables point" : "which is not there");
	b->is_changed = true;
	value_file_unref(e->file);
	b->n--;
	memmove(e, e + 1, (size_t)(&b->v[b->n] - e) * sizeof(*e));
	return 0;
}

static int bad_table(const struct table_desc *d, uint64_t no)
{
	return err_set(TT_ECORRUPT,
		       "manifest: table %06" PRIu64
		       " points into value file %06" PRIu64
		       ", which is not there",
		       d->file_no, no);
}

int values_builder_add_table(struct values_builder *b,
			     const struct table_desc *d)
{
	for (uint32_t i = 0; i < d->n_values; i++) {
		struct version_value *e = find(b, d->values[i].file_no);

		if (!e)
			return bad_table(d, d->values[i].file_no);
		e->live += d->values[i].bytes;
		b->is_changed = true;
	}
	return 0;
}

int values_builder_drop_table(struct values_builder *b,
			      const struct table_desc *d)
{
	for (uint32_t i = 0; i < d->n_values; i++) {
		struct version_value *e = find(b, d->values[i].file_no);

		if (!e || e->live < d->values[i].bytes)
			return bad_table(d, d->values[i].file_no);
		e->live -= d->values[i].bytes;
		b->is_changed = true;
	}
	return 0;
}

int values_builder_bind(struct values_builder *b)
{
	for (size_t i = 0; i < b->n && b->log; i++) {
		if (b->v[i].file)
			continue;
		b->v[i].file = value_log_find(b->log, b->v[i].no);
		if (!b->v[i].file)
			return err_nomem("value file");
	}
	return 0;
}

int values_builder_finish(struct values_builder *b, struct version_values **out)
{
	struct version_values *vv;
	int r;

	if (!b->is_changed || b->n == 0) {
		*out = b->n ? version_values_ref(b->base) : NULL;
		return 0;
	}
	r = values_builder_bind(b);
	if (r < 0)
		return r;
	vv = malloc(sizeof(*vv) + b->n * sizeof(vv->v[0]));
	if (!vv)
		return err_nomem("version");
	atomic_init(&vv->refs, 1);
	vv->n = (uint32_t)b->n;
	vv->bytes = vv->live = 0;
	memcpy(vv->v, b->v, b->n * sizeof(*b->v));
	for (size_t i = 0; i < b->n; i++) {
		vv->bytes += b->v[i].bytes;
		vv->live += MIN_OF(b->v[i].live, b->v[i].bytes);
	}
	b->n = 0; /* the references have moved */
	*out = vv;
	return 0;
}

bool version_values_check(const struct version *v)
{
	const struct version_values *vv = v->values;
	struct values_builder b;
	bool is_right;

	if (values_builder_init(&b, NULL, NULL) < 0)
		return true;
	for (uint32_t i = 0; vv && i < vv->n; i++) {
		struct value_name name = version_value_name(&vv->v[i]);

		if (values_builder_add_file(&b, &name) < 0)
			goto nomem;
	}
	for (uint32_t i = 0; i < v->n_runs; i++)
		for (uint32_t k = 0; k < v->runs[i].n; k++)
			if (values_builder_add_table(
				    &b, &v->runs[i].tables[k]->desc) < 0)
				return false;
	is_right = b.n == (vv ? vv->n : 0);
	for (size_t i = 0; is_right && i < b.n; i++)
		is_right = b.v[i].live == vv->v[i].live;
	values_builder_fini(&b);
	return is_right;
nomem:
	values_builder_fini(&b);
	return true;
}
