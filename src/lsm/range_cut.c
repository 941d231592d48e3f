/* SPDX-License-Identifier: MIT */
#include "lsm/range_cut.h"

#include <errno.h>
#include <stdlib.h>

#include "base/assert.h"

void range_cut_init(struct range_cut *c, const struct range_del *dels, size_t n)
{
	*c = (struct range_cut){ .dels = dels, .n = n };
}

void range_cut_fini(struct range_cut *c)
{
	buf_fini(&c->carried);
	buf_fini(&c->current);
	buf_fini(&c->starts[0]);
	buf_fini(&c->starts[1]);
}

static size_t count_of(const struct buf *b)
{
	return b->len / sizeof(struct range_del);
}

static struct range_del *dels_of(const struct buf *b)
{
	return (void *)b->data;
}

const struct range_del *range_cut_next(const struct range_cut *c,
				       bool *is_carried)
{
	const struct range_del *a = NULL, *b = NULL;

	if (c->carried_at < count_of(&c->carried))
		a = &dels_of(&c->carried)[c->carried_at];
	if (c->at < c->n)
		b = &c->dels[c->at];
	*is_carried = a && (!b || range_del_cmp(a, b) < 0);
	return *is_carried ? a : b;
}

int range_cut_take(struct range_cut *c)
{
	bool is_carried;
	const struct range_del *d = range_cut_next(c, &is_carried);
	int r = buf_append(&c->current, d, sizeof(*d));

	if (r < 0)
		return r;
	if (is_carried)
		c->carried_at++;
	else
		c->at++;
	return 0;
}

bool range_cut_goes_beyond(const struct range_cut *c, struct tt_slice key)
{
	const struct range_del *d = dels_of(&c->current);

	for (size_t i = 0; i < count_of(&c->current); i++)
		if (d[i].end.len == 0 || key_cmp(d[i].end, key) > 0)
			return true;
	return false;
}

static int cmp_newest_first(const void *a, const void *b)
{
	return range_del_cmp(a, b);
}

/* Cuts what the table has where the next one begins. */
static int cut_at(struct range_cut *c, struct tt_slice next)
{
	struct range_del *d = dels_of(&c->current);

	for (size_t i = 0; i < count_of(&c->current); i++) {
		const struct range_del rest = { next, d[i].end, d[i].ts };

		if (range_end_cmp(d[i].end, next) <= 0)
			continue;
		if (buf_append(&c->carried, &rest, sizeof(rest)) < 0)
			return -ENOMEM;
		d[i].end = next;
	}
	if (c->carried.len)
		qsort(c->carried.data, count_of(&c->carried), sizeof(*d),
		      cmp_newest_first);
	return 0;
}

int range_cut_end(struct range_cut *c, struct tt_slice next,
		  const struct range_del **out, size_t *n_out)
{
	struct buf *start = &c->starts[!c->which];
	int r = 0;

	assert(c->carried_at == count_of(&c->carried));
	buf_clear(&c->carried);
	c->carried_at = 0;
	if (next.len && c->current.len) {
		r = buf_set(start, next);
		if (r == 0)
			r = cut_at(c, buf_slice(start));
		c->which = !c->which;
	}
	*out = dels_of(&c->current);
	*n_out = count_of(&c->current);
	buf_clear(&c->current);
	return r;
}
