/* SPDX-License-Identifier: MIT */
#include "lsm/value_refs.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

void value_refs_init(struct value_refs *s)
{
	*s = (struct value_refs){ .v = NULL };
}

void value_refs_fini(struct value_refs *s)
{
	free(s->v);
	value_refs_init(s);
}

void value_refs_clear(struct value_refs *s)
{
	s->n = 0;
	s->last = 0;
	s->bytes = 0;
}

size_t value_refs_find(const struct value_ref *v, size_t n, uint64_t file_no)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (v[mid].file_no < file_no)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int insert(struct value_refs *s, size_t at, uint64_t file_no)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 8;
		struct value_ref *v = realloc(s->v, cap * sizeof(*v));

		if (!v)
			return err_nomem("a list of value files");
		s->v = v;
		s->cap = cap;
	}
	memmove(&s->v[at + 1], &s->v[at], (s->n - at) * sizeof(*s->v));
	s->v[at] = (struct value_ref){ file_no, 0 };
	s->n++;
	return 0;
}

/* Makes s->last the place of the file. */
static int move_to(struct value_refs *s, uint64_t file_no)
{
	size_t at = s->last;
	int r = 0;

	if (at < s->n && s->v[at].file_no == file_no)
		return 0;
	at = value_refs_find(s->v, s->n, file_no);
	if (at == s->n || s->v[at].file_no != file_no)
		r = insert(s, at, file_no);
	s->last = at;
	return r;
}

int value_refs_add(struct value_refs *s, uint64_t file_no, uint64_t bytes)
{
	int r = move_to(s, file_no);

	if (r < 0)
		return r;
	s->v[s->last].bytes += bytes;
	s->bytes += bytes;
	return 0;
}

int value_refs_set(struct value_refs *s, uint64_t file_no, uint64_t bytes)
{
	int r = move_to(s, file_no);

	if (r < 0)
		return r;
	s->bytes += bytes - s->v[s->last].bytes;
	s->v[s->last].bytes = bytes;
	return 0;
}

void value_refs_remove(struct value_refs *s, uint64_t file_no)
{
	size_t at = value_refs_find(s->v, s->n, file_no);

	if (at == s->n || s->v[at].file_no != file_no)
		return;
	s->bytes -= s->v[at].bytes;
	s->n--;
	memmove(&s->v[at], &s->v[at + 1], (s->n - at) * sizeof(*s->v));
}
