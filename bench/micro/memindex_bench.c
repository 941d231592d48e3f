/* SPDX-License-Identifier: MIT */
/*
 * memindex_bench [RECORDS]: the memtable's B+tree against a skiplist of the
 * usual kind (towers of pointers, one in four promoted), same records, same
 * process. Prints microseconds of CPU per operation, one line per work:
 *
 *	rand-insert, rand-get, seq-insert, scan
 *
 * for keys of 16 decimal digits (which share their first bytes) and for keys
 * as a filesystem makes them (a type byte, an inode number, a block number).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/le.h"
#include "base/rand.h"
#include "lsm/memindex.h"

#define VALUE_LEN 100
#define KEY_MAX 32

/* ---- the reference ----------------------------------------------------- */

#define TOWER_MAX 12

struct skip_node {
	struct record rec;
	struct skip_node *next[];
};

struct skiplist {
	struct arena arena;
	struct rng rng;
	struct skip_node *head;
	int height;
};

static struct skip_node *skip_node_new(struct skiplist *s, int height,
				       const struct record *r)
{
	size_t bytes = sizeof(struct skip_node) +
		       (size_t)height * sizeof(struct skip_node *);
	struct skip_node *n = arena_alloc(&s->arena, bytes);

	if (!n)
		abort();
	memset(n, 0, bytes);
	if (r) {
		n->rec = *r;
		n->rec.key.data = arena_dup(&s->arena, r->key.data, r->key.len);
		n->rec.value.data =
			arena_dup(&s->arena, r->value.data, r->value.len);
	}
	return n;
}

static void skip_init(struct skiplist *s)
{
	arena_init(&s->arena, (size_t)1 << 20);
	rng_init(&s->rng, 1);
	s->head = skip_node_new(s, TOWER_MAX, NULL);
	s->height = 1;
}

static struct skip_node *skip_find(struct skiplist *s, const struct record *r,
				   struct skip_node **before)
{
	struct skip_node *at = s->head;

	for (int level = s->height - 1; level >= 0; level--) {
		struct skip_node *next;

		while ((next = at->next[level]) &&
		       record_cmp(&next->rec, r) < 0)
			at = next;
		if (before)
			before[level] = at;
	}
	return at->next[0];
}

static void skip_insert(struct skiplist *s, const struct record *r)
{
	struct skip_node *before[TOWER_MAX];
	struct skip_node *n;
	int height = 1;

	while (height < TOWER_MAX && rng_one_in(&s->rng, 4))
		height++;
	(void)skip_find(s, r, before);
	while (s->height < height)
		before[s->height++] = s->head;
	n = skip_node_new(s, height, r);
	for (int i = 0; i < height; i++) {
		n->next[i] = before[i]->next[i];
		before[i]->next[i] = n;
	}
}

/* ---- the works --------------------------------------------------------- */

typedef size_t (*key_fn)(uint64_t i, uint8_t *out);

static size_t key_digits(uint64_t i, uint8_t *out)
{
	for (int at = 15; at >= 0; at--, i /= 10)
		out[at] = (uint8_t)('0' + i % 10);
	return 16;
}

static size_t key_blocks(uint64_t i, uint8_t *out)
{
	out[0] = 'b';
	be64_store(out + 1, 1000 + i / 64);
	be64_store(out + 9, i % 64);
	return 17;
}

static double cpu_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Spreads i over [0, n) without repeating any, n a power of two. */
static uint64_t spread(uint64_t i, uint64_t n)
{
	return (i * 0x9e3779b97f4a7c15ULL + 12345) & (n - 1);
}

static void report(const char *what, const char *keys, double start, uint64_t n)
{
	printf("%-12s %-8s %8.3f us\n", what, keys, (cpu_us() - start) / n);
}

static struct record make_rec(key_fn key, uint64_t i, uint8_t *mem)
{
	static const uint8_t value[VALUE_LEN];
	size_t len = key(i, mem);
	struct record r = { SLICE(mem, len), SLICE(value, VALUE_LEN), 7, 0 };

	return r;
}

static void bench_tree(key_fn key, const char *name, uint64_t n, bool is_seq)
{
	struct memindex *x;
	struct memindex_cursor c;
	struct record r, got;
	uint8_t mem[KEY_MAX];
	double start;
	uint64_t seen = 0;

	if (memindex_new(&x) < 0)
		abort();
	start = cpu_us();
	for (uint64_t i = 0; i < n; i++) {
		r = make_rec(key, is_seq ? i : spread(i, n), mem);
		if (memindex_insert(x, &r) < 0)
			abort();
	}
	report(is_seq ? "seq-insert" : "rand-insert", name, start, n);
	start = cpu_us();
	for (uint64_t i = 0; !is_seq && i < n; i++) {
		r = make_rec(key, spread(i * 7919, n), mem);
		if (memindex_find(x, r.key, TS_NEWEST, &got) != 0 ||
		    !key_eq(got.key, r.key))
			abort();
	}
	if (!is_seq)
		report("rand-get", name, start, n);
	start = cpu_us();
	memindex_cursor_init(&c, x);
	for (int e = memindex_cursor_first(&c); e == 0;
	     e = memindex_cursor_next(&c)) {
		memindex_cursor_rec(&c, &got);
		seen += got.value.len;
	}
	report("scan", name, start, n);
	if (seen != n * VALUE_LEN)
		abort();
	printf("%-12s %-8s %8.1f bytes/record\n", "memory", name,
	       (double)memindex_bytes(x) / n);
	memindex_free(x);
}

static void bench_skip(key_fn key, const char *name, uint64_t n)
{
	struct skiplist s;
	struct record r;
	uint8_t mem[KEY_MAX];
	double start;

	skip_init(&s);
	start = cpu_us();
	for (uint64_t i = 0; i < n; i++) {
		r = make_rec(key, spread(i, n), mem);
		skip_insert(&s, &r);
	}
	report("rand-insert", name, start, n);
	start = cpu_us();
	for (uint64_t i = 0; i < n; i++) {
		struct skip_node *got;

		r = make_rec(key, spread(i * 7919, n), mem);
		got = skip_find(&s, &r, NULL);
		if (!got || !key_eq(got->rec.key, r.key))
			abort();
	}
	report("rand-get", name, start, n);
	arena_fini(&s.arena);
}

int main(int argc, char **argv)
{
	uint64_t want = argc > 1 ? strtoull(argv[1], NULL, 10) : 1 << 19;
	uint64_t n = 1024;

	while (n < want)
		n *= 2;
	printf("%llu records of 16 + %d bytes\n", (unsigned long long)n,
	       VALUE_LEN);
	puts("B+tree");
	bench_tree(key_digits, "digits", n, false);
	bench_tree(key_digits, "digits", n, true);
	bench_tree(key_blocks, "blocks", n, false);
	bench_tree(key_blocks, "blocks", n, true);
	puts("skiplist");
	bench_skip(key_digits, "digits", n);
	bench_skip(key_blocks, "blocks", n);
	return 0;
}
