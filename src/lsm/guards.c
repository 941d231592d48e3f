/* SPDX-License-Identifier: MIT */
#include "lsm/guards.h"

#include <string.h>

#include "lsm/record.h"
#include "lsm/version.h"

void guards_fini(struct guards *g)
{
	for (size_t i = 0; i < GUARDS_MAX; i++)
		buf_fini(&g->keys[i]);
	g->n = 0;
}

size_t guards_pass(const struct guards *g, size_t i, struct tt_slice key)
{
	while (i < g->n && key_cmp(buf_slice(&g->keys[i]), key) <= 0)
		i++;
	return i;
}

/* Removes guard `i`; its memory goes to the end. */
static void remove_guard(struct guards *g, size_t i)
{
	struct buf b = g->keys[i];

	memmove(&g->keys[i], &g->keys[i + 1],
		(g->n - i - 1) * sizeof(*g->keys));
	g->keys[--g->n] = b;
}

static int insert_guard(struct guards *g, size_t i, struct tt_slice key)
{
	struct buf b = g->keys[g->n];
	int r = buf_set(&b, key);

	g->keys[g->n] = b;
	if (r < 0)
		return r;
	memmove(&g->keys[i + 1], &g->keys[i], (g->n - i) * sizeof(*g->keys));
	g->keys[i] = b;
	g->n++;
	return 0;
}

/* The first table of the run that begins at or behind guard `i`. */
static uint32_t first_table(const struct guards *g, size_t i,
			    const struct run *run)
{
	uint32_t at;

	if (i == g->n)
		return run->n;
	at = run_find(run, buf_slice(&g->keys[i]));
	if (at < run->n &&
	    key_cmp(run->tables[at]->desc.min_key, buf_slice(&g->keys[i])) < 0)
		at++;
	return at;
}

static uint64_t bytes_of(const struct run *run, uint32_t from, uint32_t to)
{
	uint64_t bytes = 0;

	for (; from < to; from++)
		bytes += run->tables[from]->desc.file_bytes;
	return bytes;
}

/* Divides tables [from, to), which lie before guard *i, and moves *i on. */
static int divide(struct guards *g, size_t *i, const struct run *run,
		  uint32_t from, uint32_t to, uint64_t part_bytes)
{
	uint64_t left = bytes_of(run, from, to), part = 0;
	int r = 0;

	if (left < 2 * part_bytes)
		return 0;
	for (; from < to && r == 0 && g->n < GUARDS_MAX; from++) {
		if (part >= part_bytes && left >= part_bytes) {
			r = insert_guard(g, *i,
					 run->tables[from]->desc.min_key);
			*i += r == 0;
			part = 0;
		}
		part += run->tables[from]->desc.file_bytes;
		left -= run->tables[from]->desc.file_bytes;
	}
	return r;
}

int guards_fit(struct guards *g, const struct run *run, uint64_t part_bytes)
{
	uint32_t from = 0, to;
	int r = 0;

	if (!run) {
		g->n = 0;
		return 0;
	}
	part_bytes = MAX_OF(part_bytes, run->bytes / GUARDS_MAX);
	/* Small parts first: what is free then may divide others. */
	for (size_t i = 0; i < g->n;) {
		to = first_table(g, i, run);
		if (bytes_of(run, from, to) < part_bytes / 4) {
			remove_guard(g, i);
		} else {
			from = to;
			i++;
		}
	}
	from = 0;
	for (size_t i = 0; i <= g->n && r == 0; i++) {
		to = first_table(g, i, run);
		r = divide(g, &i, run, from, to, part_bytes);
		from = to;
	}
	return r;
}
