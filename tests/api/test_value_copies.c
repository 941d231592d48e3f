/* SPDX-License-Identifier: MIT */
/* Values of keys given to other keys, as an embedding program does it. */
#include "api/api.h"

static char *dir;
static struct tt *db;
static struct tt_batch *batch;

static int add_up(void *arg, struct tt_slice key, const struct tt_slice *base,
		  const struct tt_slice *operands, size_t n,
		  struct tt_merge_result *result)
{
	int r = base ? tt_merge_emit(result, *base) : 0;

	(void)arg;
	(void)key;
	for (size_t i = 0; i < n && r == 0; i++)
		r = tt_merge_emit(result, operands[i]);
	return r;
}

static void open_store(void)
{
	struct tt_options *o = tt_options_new();

	ck_assert_ptr_nonnull(o);
	ok(tt_options_set(o, "separate_bytes", "100"));
	ok(tt_options_set(o, "retention", "1h"));
	ok(tt_options_set_merge(o, "add up", add_up, NULL));
	ok(tt_open(dir, o, &db));
	tt_options_free(o);
}

static void setup(void)
{
	dir = make_dir();
	open_store();
	batch = tt_batch_new();
	ck_assert_ptr_nonnull(batch);
}

static void teardown(void)
{
	tt_batch_free(batch);
	ok(tt_close(db));
	remove_dir(dir);
}

/* 200 letters. */
static const char *large(char letter)
{
	static char text[2][201];
	static unsigned n;
	char *out = text[n++ % 2];

	memset(out, letter, 200);
	return out;
}

static struct tt_copied copy(const struct tt_read_options *ro, const char *from,
			     const char *to)
{
	struct tt_copy c = { tt_str(from), tt_str(to) };
	struct tt_copied out;

	ok(tt_write_copies(db, NULL, NULL, ro, &c, 1, &out, NULL));
	return out;
}

static void put(const char *key, const char *value)
{
	ok(tt_put(db, NULL, tt_str(key), tt_str(value), NULL));
}

START_TEST(large_values_are_shared_and_small_ones_copied)
{
	struct tt_copied c;

	put("small", "s");
	put("large", large('l'));
	c = copy(NULL, "small", "small too");
	ck_assert_uint_eq(c.n_shared, 0);
	ck_assert_uint_eq(c.shared_bytes, 0);
	ck_assert_uint_eq(c.copied_bytes, 1);
	c = copy(NULL, "large", "large too");
	ck_assert_uint_eq(c.n_shared, 1);
	ck_assert_uint_ge(c.shared_bytes, 1);
	ck_assert_uint_eq(c.copied_bytes, 0);
	for (int round = 0; round < 2; round++) {
		expect(db, NULL, "small too", "s");
		expect(db, NULL, "large too", large('l'));
		ok(tt_close(db));
		open_store();
	}
}
END_TEST

START_TEST(each_goes_its_own_way)
{
	put("one", large('1'));
	(void)copy(NULL, "one", "two");
	(void)copy(NULL, "two", "three");
	put("one", large('x'));
	expect(db, NULL, "two", large('1'));
	ok(tt_patch(db, NULL, tt_str("two"), 0, tt_str("22"), NULL));
	expect(db, NULL, "three", large('1'));
	ok(tt_delete(db, NULL, tt_str("three"), NULL));
	ok(tt_compact(db, tt_str(""), tt_str("")));
	expect(db, NULL, "one", large('x'));
	expect(db, NULL, "three", NULL);
}
END_TEST

START_TEST(a_change_is_whole_and_copies_what_was_before_it)
{
	struct tt_copy c[] = {
		{ tt_str("a"), tt_str("b") },
		{ tt_str("b"), tt_str("a") },
		{ tt_str("a"), tt_str("gone") },
	};
	struct tt_snapshot *before;
	struct tt_read_options ro = { .snapshot = NULL };
	int64_t ts = 0;

	put("a", large('a'));
	put("b", "b");
	put("z", "z");
	ok(tt_snapshot_new(db, &before));
	ok(tt_batch_put(batch, tt_str("a"), tt_str("of the batch")));
	ok(tt_batch_delete_range(batch, tt_str("g"), tt_str("zz")));
	ok(tt_write_copies(db, NULL, batch, NULL, c, 3, NULL, &ts));
	ck_assert_int_eq(ts, tt_last_ts(db));
	/* They have changed places, and no range deletes what is copied. */
	expect(db, NULL, "a", "b");
	expect(db, NULL, "b", large('a'));
	expect(db, NULL, "gone", large('a'));
	expect(db, NULL, "z", NULL);
	ck_assert_uint_eq(tt_batch_count(batch), 2);
	ro.snapshot = before;
	expect(db, &ro, "a", large('a'));
	expect(db, &ro, "gone", NULL);
	tt_snapshot_free(db, before);
}
END_TEST

START_TEST(what_is_not_there_stops_all_of_it)
{
	struct tt_copy c[] = {
		{ tt_str("a"), tt_str("b") },
		{ tt_str("missing"), tt_str("c") },
		{ tt_str(""), tt_str("c") },
		{ tt_str("a"), tt_str("") },
	};
	int64_t last;

	put("a", large('a'));
	put("missing", "deleted soon");
	ok(tt_delete(db, NULL, tt_str("missing"), NULL));
	last = tt_last_ts(db);
	ok(tt_batch_put(batch, tt_str("d"), tt_str("d")));
	ck_assert_int_eq(tt_write_copies(db, NULL, batch, NULL, c, 2, NULL,
					 NULL),
			 TT_NOTFOUND);
	ck_assert_int_eq(tt_write_copies(db, NULL, batch, NULL, c + 2, 1, NULL,
					 NULL),
			 TT_EKEY);
	ck_assert_int_eq(tt_write_copies(db, NULL, batch, NULL, c + 3, 1, NULL,
					 NULL),
			 TT_EKEY);
	ck_assert_int_eq(tt_last_ts(db), last);
	expect(db, NULL, "b", NULL);
	expect(db, NULL, "d", NULL);
	/* Nothing at all, and a batch alone, are fine. */
	ok(tt_write_copies(db, NULL, NULL, NULL, NULL, 0, NULL, NULL));
	ok(tt_write_copies(db, NULL, batch, NULL, NULL, 0, NULL, NULL));
	expect(db, NULL, "d", "d");
}
END_TEST

START_TEST(the_past_is_copied_as_it_was)
{
	struct tt_read_options ro = { .as_of = 0 };
	struct tt_copied c;

	ok(tt_put(db, NULL, tt_str("k"), tt_str(large('1')), &ro.as_of));
	put("k", large('2'));
	ok(tt_delete(db, NULL, tt_str("k"), NULL));
	ok(tt_compact(db, tt_str(""), tt_str("")));
	c = copy(&ro, "k", "k");
	ck_assert_uint_eq(c.n_shared, 1);
	expect(db, NULL, "k", large('1'));
	ro.as_of -= 1;
	ck_assert_int_eq(
		tt_write_copies(db, NULL, NULL, &ro,
				&(struct tt_copy){ tt_str("k"), tt_str("l") },
				1, NULL, NULL),
		TT_NOTFOUND);
}
END_TEST

START_TEST(merged_values_are_copied_as_they_read)
{
	char want[203];

	put("m", large('m'));
	ok(tt_merge(db, NULL, tt_str("m"), tt_str("++"), NULL));
	(void)snprintf(want, sizeof(want), "%s++", large('m'));
	ck_assert_uint_eq(copy(NULL, "m", "n").copied_bytes, 202);
	expect(db, NULL, "n", want);
	/* It has one of its own now. */
	ck_assert_uint_eq(copy(NULL, "n", "o").n_shared, 1);
	expect(db, NULL, "o", want);
}
END_TEST

START_TEST(verified_values_are_copied)
{
	struct tt_read_options ro = { .verify = true };
	struct tt_copied c;

	put("k", large('k'));
	ok(tt_flush(db));
	c = copy(&ro, "k", "l");
	ck_assert_uint_eq(c.n_shared, 0);
	ck_assert_uint_eq(c.copied_bytes, 200);
	expect(db, &ro, "l", large('k'));
}
END_TEST

/* Copies of the store have what is shared, without the key that had it. */
START_TEST(copies_of_the_store_have_what_is_shared)
{
	char to[3][64];
	struct tt *other;
	uint64_t id;

	for (int i = 0; i < 3; i++)
		(void)snprintf(to[i], sizeof(to[i]), "%s-copy%d", dir, i);
	for (int round = 0; round < 2; round++) {
		put("k", large('k'));
		(void)copy(NULL, "k", "l");
		if (round)
			ok(tt_flush(db));
		ok(tt_delete(db, NULL, tt_str("k"), NULL));
		ok(tt_checkpoint(db, to[0], NULL));
		ok(tt_backup(db, to[1], NULL, &id));
		ok(tt_backup_restore(to[1], id, to[2], NULL));
		for (int i = 0; i < 3; i += 2) {
			ok(tt_open(to[i], NULL, &other));
			expect(other, NULL, "l", large('k'));
			expect(other, NULL, "k", NULL);
			ok(tt_close(other));
			remove_dir(strdup(to[i]));
		}
	}
	ok(tt_backup_verify(to[1], 0, NULL, NULL, NULL));
	remove_dir(strdup(to[1]));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("copies of values");
	TCase *t = tcase_create("copies of values");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, large_values_are_shared_and_small_ones_copied);
	tcase_add_test(t, each_goes_its_own_way);
	tcase_add_test(t, a_change_is_whole_and_copies_what_was_before_it);
	tcase_add_test(t, what_is_not_there_stops_all_of_it);
	tcase_add_test(t, the_past_is_copied_as_it_was);
	tcase_add_test(t, merged_values_are_copied_as_they_read);
	tcase_add_test(t, verified_values_are_copied);
	tcase_add_test(t, copies_of_the_store_have_what_is_shared);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
