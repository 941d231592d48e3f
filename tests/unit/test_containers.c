/* SPDX-License-Identifier: MIT */
/* Lists, heaps and hash maps. */
#include <check.h>
#include <stdlib.h>

#include "base/heap.h"
#include "base/hmap.h"
#include "base/list.h"
#include "tests/support/check_main.h"
#include "tests/support/prng.h"

struct item {
	struct list_node link;
	struct hmap_node node;
	uint64_t id;
	bool is_in;
};

#define ITEM(n) container_of(n, struct item, link)

START_TEST(list_keeps_order)
{
	struct list_node head = LIST_INIT(head);
	struct item v[4];
	uint64_t sum = 0;

	for (int i = 0; i < 4; i++)
		v[i].id = (uint64_t)i;
	list_push_back(&head, &v[1].link);
	list_push_back(&head, &v[2].link);
	list_push_front(&head, &v[0].link);
	list_push_back(&head, &v[3].link);
	LIST_FOR(&head, n)
		sum = sum * 10 + ITEM(n)->id;
	ck_assert_uint_eq(sum, 123);
	list_remove(&v[1].link);
	ck_assert(!list_is_linked(&v[1].link));
	list_remove(&v[1].link);
	ck_assert_ptr_eq(list_pop_front(&head), &v[0].link);
	ck_assert_ptr_eq(list_pop_back(&head), &v[3].link);
	ck_assert_ptr_eq(list_last(&head), &v[2].link);
	list_remove(&v[2].link);
	ck_assert(list_is_empty(&head));
	ck_assert_ptr_null(list_pop_front(&head));
}
END_TEST

START_TEST(list_splice_moves_all)
{
	struct list_node a = LIST_INIT(a), b = LIST_INIT(b);
	struct item v[3];
	int n_seen = 0;

	list_push_back(&a, &v[0].link);
	list_push_back(&b, &v[1].link);
	list_push_back(&b, &v[2].link);
	list_splice_back(&a, &b);
	ck_assert(list_is_empty(&b));
	list_splice_back(&a, &b);
	LIST_FOR_SAFE(&a, n, after) {
		ck_assert_ptr_eq(n, &v[n_seen++].link);
		list_remove(n);
	}
	ck_assert_int_eq(n_seen, 3);
	ck_assert(list_is_empty(&a));
}
END_TEST

#define U64_LESS(a, b, arg) ((a) < (b))
HEAP_DEFINE(u64_heap, uint64_t, U64_LESS);

START_TEST(heap_gives_the_smallest_first)
{
	uint64_t items[500], last = 0;
	struct u64_heap h;
	struct rng r;

	test_rng(&r);
	u64_heap_init(&h, items, 500, NULL);
	for (int i = 0; i < 500; i++)
		u64_heap_push(&h, rng_below(&r, 100));
	for (int i = 0; i < 250; i++) {
		ck_assert_uint_ge(u64_heap_top(&h), last);
		last = u64_heap_pop(&h);
	}
	while (h.n) {
		ck_assert_uint_ge(u64_heap_top(&h), last);
		last = u64_heap_top(&h);
		if (rng_one_in(&r, 2)) {
			(void)u64_heap_pop(&h);
			continue;
		}
		h.items[0] += rng_below(&r, 3);
		u64_heap_fix_top(&h);
		if (last > 200)
			break;
	}
}
END_TEST

static struct item *map_find(const struct hmap *m, uint64_t id, uint64_t hash)
{
	for (struct hmap_node *n = hmap_first(m, hash); n; n = hmap_next(n)) {
		struct item *it = container_of(n, struct item, node);

		if (it->id == id)
			return it;
	}
	return NULL;
}

/* Against an array of flags; `shift` makes hashes collide. */
static void map_against_model(unsigned n, unsigned n_hashes)
{
	struct item *v = calloc(n, sizeof(*v));
	struct hmap m;
	struct rng r;
	size_t n_in = 0;

	test_rng(&r);
	ck_ok(hmap_init(&m, 0));
	for (unsigned i = 0; i < n; i++)
		v[i].id = i;
	for (unsigned step = 0; step < n * 6; step++) {
		struct item *it = &v[rng_below(&r, n)];
		uint64_t hash = hash_u64(it->id % n_hashes);

		ck_assert_ptr_eq(map_find(&m, it->id, hash),
				 it->is_in ? it : NULL);
		if (it->is_in && !rng_one_in(&r, 3))
			continue;
		if (it->is_in)
			hmap_remove(&m, &it->node);
		else
			hmap_insert(&m, &it->node, hash);
		it->is_in = !it->is_in;
		n_in += it->is_in ? 1 : (size_t)-1;
		ck_assert_uint_eq(hmap_len(&m), n_in);
	}
	hmap_fini(&m);
	free(v);
}

START_TEST(map_agrees_with_a_model)
{
	map_against_model(5000, 5000);
}
END_TEST

START_TEST(map_survives_equal_hashes)
{
	map_against_model(500, 7);
}
END_TEST

/* Also in the middle of growing, which the sizes make sure of. */
START_TEST(map_walk_sees_every_node_once)
{
	for (unsigned n = 0; n < 70; n++) {
		struct item v[70] = { 0 };
		struct hmap_node *node = NULL, *next;
		struct hmap m;
		size_t cursor = 0;
		unsigned seen = 0;

		ck_ok(hmap_init(&m, 0));
		for (unsigned i = 0; i < n; i++)
			hmap_insert(&m, &v[i].node, hash_u64(i));
		node = hmap_walk(&m, NULL, &cursor);
		while (node) {
			struct item *it = container_of(node, struct item, node);

			ck_assert(!it->is_in);
			it->is_in = true;
			seen++;
			next = hmap_walk(&m, node, &cursor);
			if (seen % 2)
				hmap_remove(&m, node);
			node = next;
		}
		ck_assert_uint_eq(seen, n);
		cursor = 0;
		while (hmap_pop_any(&m, &cursor))
			seen--;
		ck_assert_uint_eq(hmap_len(&m), 0);
		ck_assert_uint_eq(seen, (n + 1) / 2);
		hmap_fini(&m);
	}
}
END_TEST

static Suite *containers_suite(void)
{
	Suite *s = suite_create("containers");
	TCase *t = tcase_create("containers");

	tcase_add_test(t, list_keeps_order);
	tcase_add_test(t, list_splice_moves_all);
	tcase_add_test(t, heap_gives_the_smallest_first);
	tcase_add_test(t, map_agrees_with_a_model);
	tcase_add_test(t, map_survives_equal_hashes);
	tcase_add_test(t, map_walk_sees_every_node_once);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(containers_suite)
