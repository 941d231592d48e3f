/* SPDX-License-Identifier: MIT */
/*
 * Copying inside the store: blocks are shared where they can be, and whatever
 * is copied reads as what it was copied from, whatever becomes of that.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "support/prng.h"
#include "tree/schema_format.h"
#include "tree/tree_fixture.h"

#define SMALL ((uint64_t)1 << SCHEMA_BLOCK_SHIFT)
#define LARGE ((uint64_t)1 << SCHEMA_BLOCK_SHIFT_STREAM)
#define FILE_MOST ((uint64_t)3 << 20)

static struct fixture f;
static struct rng rng;

/* A file, and what it must read as. */
struct twin {
	uint64_t ino;
	uint64_t size;
	uint8_t *bytes;
};
static struct twin twins[3];

static void make_twin(struct twin *w, const char *name)
{
	struct tree_attr a;
	bool created;

	ck_ok(tree_create(f.t, TREE_ROOT, tt_str(name), &test_cred, 0644, true,
			  &created, &a));
	*w = (struct twin){ a.ino, 0, calloc(1, FILE_MOST + LARGE) };
	ck_assert_ptr_nonnull(w->bytes);
}

static void setup(void)
{
	test_rng(&rng);
	fixture_open(&f);
	make_twin(&twins[0], "a");
	make_twin(&twins[1], "b");
	make_twin(&twins[2], "c");
}

static void teardown(void)
{
	for (unsigned i = 0; i < 3; i++) {
		tree_forget(f.t, twins[i].ino, 1);
		free(twins[i].bytes);
	}
	fixture_check(&f);
	fixture_close(&f);
}

static void restart(void)
{
	static const char *const names[] = { "a", "b", "c" };
	struct tree_attr a;

	for (unsigned i = 0; i < 3; i++)
		tree_forget(f.t, twins[i].ino, 1);
	fixture_reopen(&f);
	for (unsigned i = 0; i < 3; i++)
		ck_ok(path_lookup(f.t, names[i], &a));
}

static uint64_t stat_of(const char *name)
{
	uint64_t v;

	ck_ok(tt_stat(f.db, name, &v));
	return v;
}

/* ---- changing both ----------------------------------------------------- */

static void put(struct twin *w, uint64_t off, size_t n)
{
	rng_fill(&rng, w->bytes + off, n);
	ck_ok(tree_write(f.t, w->ino, off, w->bytes + off, n, 0, NULL));
	w->size = MAX_OF(w->size, off + n);
}

static void resize(struct twin *w, uint64_t size)
{
	struct tree_attr in = { .size = size };

	ck_ok(tree_setattr(f.t, w->ino, &in, TREE_SET_SIZE, NULL));
	if (size < w->size)
		memset(w->bytes + size, 0, w->size - size);
	w->size = size;
}

static void punch(struct twin *w, uint64_t off, uint64_t n)
{
	ck_ok(tree_fallocate(f.t, w->ino,
			     FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, n,
			     0));
	if (off < w->size)
		memset(w->bytes + off, 0, MIN_OF(n, w->size - off));
}

/* All of it, in as many calls as it takes. */
static void copy(struct twin *from, uint64_t off, struct twin *to,
		 uint64_t to_off, uint64_t len)
{
	uint64_t done = 0, n = 1;

	len = off < from->size ? MIN_OF(len, from->size - off) : 0;
	while (done < len && n) {
		ck_ok(tree_copy_range(f.t, from->ino, off + done, to->ino,
				      to_off + done, len - done, 0, &n));
		done += n;
	}
	ck_assert_uint_eq(done, len);
	if (len == 0)
		return;
	memmove(to->bytes + to_off, from->bytes + off, len);
	to->size = MAX_OF(to->size, to_off + len);
}

static void check(const struct twin *w)
{
	struct buf b = BUF_INIT;
	struct tree_attr a;

	ck_ok(tree_getattr(f.t, w->ino, &a));
	ck_assert_uint_eq(a.size, w->size);
	ck_ok(read_ino(f.t, w->ino, 0, w->size + 1, &b));
	ck_assert_uint_eq(b.len, w->size);
	for (uint64_t i = 0; i < w->size; i++)
		if (b.data[i] != w->bytes[i])
			ck_abort_msg("byte %llu of file %llu is wrong",
				     (unsigned long long)i,
				     (unsigned long long)w->ino);
	buf_fini(&b);
}

static void check_all(void)
{
	for (unsigned i = 0; i < 3; i++)
		check(&twins[i]);
	fixture_check(&f);
}

/* ---- what is shared ---------------------------------------------------- */

START_TEST(a_whole_file_is_shared)
{
	static const size_t pieces[] = { SMALL, LARGE * 2 };
	uint64_t len = 2 * LARGE + 5 * SMALL + 777;
	struct tree_attr a, b;
	uint64_t before;

	for (uint64_t at = 0; at < len; at += pieces[_i])
		put(&twins[0], at, MIN_OF(pieces[_i], len - at));
	before = stat_of("engine.values.puts");
	copy(&twins[0], 0, &twins[1], 0, UINT64_MAX);
	ck_assert_uint_eq(stat_of("engine.values.puts"), before);
	ck_assert_uint_eq(stat_of("engine.values.reads"), 0);
	/* The end of the smaller blocks is no separated value. */
	ck_assert_uint_eq(stat_of("engine.values.shares"),
			  _i ? len / LARGE + 1 : len / SMALL);
	ck_ok(tree_getattr(f.t, twins[0].ino, &a));
	ck_ok(tree_getattr(f.t, twins[1].ino, &b));
	ck_assert_uint_eq(a.blocks, b.blocks);
	check_all();
	resize(&twins[0], 1);
	put(&twins[1], 100, 100);
	check_all();
	copy(&twins[1], 0, &twins[2], 0, UINT64_MAX);
	resize(&twins[1], 0);
	check_all();
	restart();
	check_all();
}
END_TEST

START_TEST(holes_stay_holes_and_make_some)
{
	struct tree_attr a;
	uint64_t off;

	put(&twins[0], 0, 2 * SMALL);
	put(&twins[0], 5 * SMALL, SMALL);
	resize(&twins[0], 9 * SMALL);
	for (uint64_t at = 0; at < 12; at++)
		put(&twins[1], at * SMALL, SMALL);
	copy(&twins[0], 0, &twins[1], 0, UINT64_MAX);
	copy(&twins[0], 0, &twins[2], 0, UINT64_MAX);
	ck_ok(tree_lseek(f.t, twins[1].ino, 0, SEEK_HOLE, &off));
	ck_assert_uint_eq(off, 2 * SMALL);
	ck_ok(tree_lseek(f.t, twins[1].ino, off, SEEK_DATA, &off));
	ck_assert_uint_eq(off, 5 * SMALL);
	ck_ok(tree_lseek(f.t, twins[2].ino, 6 * SMALL, SEEK_HOLE, &off));
	ck_assert_uint_eq(off, 6 * SMALL);
	ck_ok(tree_getattr(f.t, twins[2].ino, &a));
	ck_assert_uint_eq(a.blocks, 3 * SMALL / 512);
	ck_assert_uint_eq(a.size, 9 * SMALL);
	check_all();
}
END_TEST

START_TEST(ragged_ends_are_copied_around_what_is_shared)
{
	put(&twins[0], 0, 8 * LARGE);
	put(&twins[1], 0, 12 * LARGE);
	copy(&twins[0], 100, &twins[1], LARGE + 100, 5 * LARGE);
	ck_assert_uint_eq(stat_of("engine.values.shares"), 4);
	/* Not at the same place of a block. */
	copy(&twins[0], 100, &twins[1], 200, LARGE);
	ck_assert_uint_eq(stat_of("engine.values.shares"), 4);
	/* Within a file, beside each other. */
	copy(&twins[1], 0, &twins[1], 6 * LARGE, 6 * LARGE);
	ck_assert_uint_ge(stat_of("engine.values.shares"), 4 + 3);
	check_all();
}
END_TEST

/* A last block that is not full goes whole only where nothing lies behind. */
START_TEST(the_last_block_brings_nothing_along)
{
	put(&twins[0], 0, 4 * LARGE + 30000);
	put(&twins[1], 0, 4 * LARGE + 30001);
	copy(&twins[0], 0, &twins[1], 0, UINT64_MAX);
	check_all();
	resize(&twins[2], 4 * LARGE + 29999);
	copy(&twins[0], 0, &twins[2], 0, UINT64_MAX);
	resize(&twins[2], 5 * LARGE);
	check_all();
	/* And not more of it than was asked for. */
	resize(&twins[2], 0);
	copy(&twins[0], 0, &twins[2], 0, 4 * LARGE + 29000);
	resize(&twins[2], 5 * LARGE);
	check_all();
}
END_TEST

START_TEST(files_of_other_blocks_and_in_rows_are_copied)
{
	put(&twins[0], 0, 4 * LARGE);
	put(&twins[1], 0, 3 * SMALL);
	put(&twins[2], 0, 1000);
	copy(&twins[0], 0, &twins[1], 0, UINT64_MAX);
	copy(&twins[2], 0, &twins[0], LARGE, UINT64_MAX);
	copy(&twins[0], 0, &twins[2], 0, UINT64_MAX);
	check_all();
	resize(&twins[2], 0);
	put(&twins[1], 0, 10);
	copy(&twins[1], 0, &twins[2], 0, 10);
	check_all();
}
END_TEST

START_TEST(what_is_patched_is_put_together)
{
	put(&twins[0], 0, 4 * LARGE);
	for (unsigned i = 0; i < 40; i++)
		put(&twins[0], i * 6000, 50);
	copy(&twins[0], 0, &twins[1], 0, UINT64_MAX);
	check_all();
	for (unsigned i = 0; i < 40; i++)
		put(&twins[1], i * 6000 + 20, 50);
	check_all();
}
END_TEST

/* ---- what was cut off -------------------------------------------------- */

/* More rows than a batch removes, with holes between. */
#define N_SPARSE 600u

static void write_sparse(uint64_t ino)
{
	static uint8_t full[SCHEMA_INLINE_MAX + 1];

	memset(full, 'x', sizeof(full));
	for (uint64_t k = 0; k < N_SPARSE; k++)
		ck_ok(tree_write(f.t, ino, 2 * k * SMALL, full, sizeof(full), 0,
				 NULL));
}

static void set_size(uint64_t ino, uint64_t size)
{
	struct tree_attr in = { .size = size };

	ck_ok(tree_setattr(f.t, ino, &in, TREE_SET_SIZE, NULL));
}

static void expect_empty(uint64_t ino)
{
	struct tree_attr a;
	uint64_t off;

	ck_assert_int_eq(tree_lseek(f.t, ino, SMALL, SEEK_DATA, &off), -ENXIO);
	fixture_check(&f);
	ck_ok(tree_getattr(f.t, ino, &a));
	ck_assert_uint_le(a.blocks, SMALL / 512);
}

/* What is cut off by a trim is what is older than that: also where it comes
 * from a file that has seen more trims than this one. */
START_TEST(a_copy_is_cut_off_like_what_was_written_here)
{
	const uint64_t far = 4000 * SMALL;
	uint64_t to = twins[1].ino, n;

	for (unsigned i = 0; i < 3; i++) {
		write_sparse(twins[0].ino);
		set_size(twins[0].ino, SMALL);
	}
	fixture_check(&f);
	twins[0].size = SMALL;
	memset(twins[0].bytes, 'x', SCHEMA_INLINE_MAX + 1);
	put(&twins[0], SMALL, 20 * SMALL);
	write_sparse(to);
	ck_ok(tree_copy_range(f.t, twins[0].ino, SMALL, to, far, 20 * SMALL, 0,
			      &n));
	ck_assert_uint_ge(stat_of("engine.values.shares"), 20);
	set_size(to, SMALL);
	set_size(to, 2 * far);
	expect_empty(to);
	set_size(to, 0);
	check_all();
}
END_TEST

/* As long as there is such a trim, what is copied over it is not cut off, and
 * what it has cut off is not copied. */
START_TEST(what_waits_for_its_removal_stays_out_of_it)
{
	const uint64_t far = 2 * (N_SPARSE - 1) * SMALL;
	uint64_t from = twins[1].ino, n;

	write_sparse(from);
	set_size(from, SMALL);
	set_size(from, far + SMALL);
	ck_ok(tree_copy_range(f.t, from, far, twins[0].ino, 0, SMALL, 0, &n));
	ck_assert_uint_eq(n, SMALL);
	twins[0].size = SMALL;
	check(&twins[0]);
	put(&twins[0], 0, SMALL);
	write_sparse(from);
	set_size(from, SMALL);
	ck_ok(tree_copy_range(f.t, twins[0].ino, 0, from, far, SMALL, 0, &n));
	ck_ok(tree_copy_range(f.t, from, far, twins[2].ino, 0, SMALL, 0, &n));
	memcpy(twins[2].bytes, twins[0].bytes, SMALL);
	twins[2].size = SMALL;
	check(&twins[2]);
	set_size(from, 0);
	check_all();
}
END_TEST

/* ---- anything ---------------------------------------------------------- */

static uint64_t random_place(uint64_t most)
{
	uint64_t at = rng_below(&rng, most + 1);

	switch (rng_below(&rng, 4)) {
	case 0:
		return at;
	case 1:
		return at & ~(SMALL - 1);
	default:
		return at & ~(LARGE - 1);
	}
}

static void random_copy(struct twin *from, struct twin *to)
{
	uint64_t off = random_place(from->size);
	uint64_t len =
		rng_one_in(&rng, 3) ? UINT64_MAX : random_place(FILE_MOST);
	uint64_t to_off = rng_one_in(&rng, 2) ? off : random_place(FILE_MOST);

	len = MIN_OF(len, from->size - off);
	len = MIN_OF(len, FILE_MOST - MIN_OF(to_off, FILE_MOST));
	if (from == to && off < to_off + len && to_off < off + len)
		return;
	copy(from, off, to, to_off, len);
}

static void random_step(void)
{
	struct twin *w = &twins[rng_below(&rng, 3)];
	uint64_t off = random_place(FILE_MOST), n;

	switch (rng_below(&rng, 10)) {
	case 0:
		resize(w, random_place(FILE_MOST));
		break;
	case 1:
		punch(w, off, random_place(FILE_MOST) + 1);
		break;
	case 2:
	case 3:
	case 4:
	case 5:
		random_copy(w, &twins[rng_below(&rng, 3)]);
		break;
	default:
		n = rng_one_in(&rng, 2) ? rng_below(&rng, 1000)
					: rng_below(&rng, 400000);
		put(w, off, (size_t)MIN_OF(n, FILE_MOST - off));
	}
}

START_TEST(random_copies_read_as_their_sources_did)
{
	uint64_t n = test_scale(400);

	for (uint64_t i = 0; i < n; i++) {
		random_step();
		if (i % 20 == 19)
			check_all();
		if (i % 100 == 99)
			restart();
	}
	check_all();
}
END_TEST

/* ---- one state --------------------------------------------------------- */

static _Atomic bool is_over;

/* All of file a at once, of one letter. */
static void *write_letters(void *arg)
{
	static uint8_t letters[8 * 65536];
	unsigned n = 0;

	(void)arg;
	while (!atomic_load(&is_over)) {
		memset(letters, (int)('a' + n++ % 26), sizeof(letters));
		ck_ok(tree_write(f.t, twins[0].ino, 0, letters, sizeof(letters),
				 0, NULL));
	}
	return NULL;
}

START_TEST(a_copy_is_of_one_moment)
{
	const size_t len = 8 * LARGE;
	pthread_t thread;
	struct buf b = BUF_INIT;
	uint64_t n;

	put(&twins[0], 0, len);
	memset(twins[0].bytes, 'a', len);
	ck_ok(tree_write(f.t, twins[0].ino, 0, twins[0].bytes, len, 0, NULL));
	atomic_store(&is_over, false);
	ck_assert_int_eq(pthread_create(&thread, NULL, write_letters, NULL), 0);
	for (uint64_t i = 0; i < test_scale(200); i++) {
		ck_ok(tree_copy_range(f.t, twins[0].ino, 0, twins[1].ino, 0,
				      len, 0, &n));
		ck_assert_uint_eq(n, len);
		ck_ok(read_ino(f.t, twins[1].ino, 0, len, &b));
		ck_assert_int_eq(memcmp(b.data, b.data + 1, len - 1), 0);
	}
	atomic_store(&is_over, true);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	buf_fini(&b);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("tree copies");
	TCase *t = tcase_create("tree copies");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_whole_file_is_shared, 0, 2);
	tcase_add_test(t, holes_stay_holes_and_make_some);
	tcase_add_test(t, ragged_ends_are_copied_around_what_is_shared);
	tcase_add_test(t, the_last_block_brings_nothing_along);
	tcase_add_test(t, files_of_other_blocks_and_in_rows_are_copied);
	tcase_add_test(t, what_is_patched_is_put_together);
	tcase_add_test(t, a_copy_is_cut_off_like_what_was_written_here);
	tcase_add_test(t, what_waits_for_its_removal_stays_out_of_it);
	tcase_add_test(t, random_copies_read_as_their_sources_did);
	tcase_add_test(t, a_copy_is_of_one_moment);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
