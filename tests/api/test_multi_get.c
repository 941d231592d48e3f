/* SPDX-License-Identifier: MIT */
/*
 * Reading through the public interface: several keys at once, and what
 * iterators are told. Nothing but ttrunks.h, linked to the shared library.
 */
#include "api/api.h"

static char *dir;
static struct tt *db;

static void setup(void)
{
	dir = make_dir();
	ok(tt_open(dir, NULL, &db));
}

static void teardown(void)
{
	ok(tt_close(db));
	remove_dir(dir);
}

static void put(const char *key, const char *value)
{
	ok(tt_put(db, NULL, tt_str(key), tt_str(value), NULL));
}

static bool is(struct tt_slice s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}

START_TEST(several_keys_are_read_at_one_moment)
{
	const struct tt_slice keys[] = { tt_str("b"), tt_str("none"),
					 tt_str("a"), tt_str("b") };
	struct tt_pinned values[4];
	int statuses[4];

	put("a", "1");
	put("b", "2");
	ok(tt_flush(db));
	put("b", "3");
	ok(tt_multi_get(db, NULL, keys, 4, values, statuses));
	put("a", "later");
	ck_assert_int_eq(statuses[0], 0);
	ck_assert_int_eq(statuses[1], TT_NOTFOUND);
	ck_assert(is(values[0].value, "3"));
	ck_assert(is(values[2].value, "1"));
	ck_assert(is(values[3].value, "3"));
	ck_assert(values[0].ts > values[2].ts);
	for (int i = 0; i < 4; i++)
		tt_unpin(&values[i]);
}
END_TEST

START_TEST(one_bad_key_spoils_no_other)
{
	const struct tt_slice keys[] = { tt_str("a"), tt_str("") };
	struct tt_pinned values[2];
	int statuses[2];
	int r;

	put("a", "1");
	r = tt_multi_get(db, NULL, keys, 2, values, statuses);
	ck_assert_int_lt(r, 0);
	ck_assert_int_eq(statuses[1], r);
	ck_assert_ptr_nonnull(strstr(tt_error_text(r), "empty key"));
	ck_assert_int_eq(statuses[0], 0);
	ck_assert(is(values[0].value, "1"));
	tt_unpin(&values[0]);
	tt_unpin(&values[1]);
}
END_TEST

/* Walks both ways; the keys must be those of `all` in order, each followed by
 * a blank. */
static void expect_keys(const struct tt_iter_options *o, const char *all)
{
	char there[256] = "", back[256] = "", one[64];
	struct tt_iter *it;
	int r;

	ok(tt_iter_new(db, o, &it));
	for (r = tt_iter_first(it); r == 0; r = tt_iter_next(it)) {
		struct tt_slice k = tt_iter_key(it);

		(void)snprintf(there + strlen(there), 64, "%.*s ", (int)k.len,
			       (const char *)k.data);
	}
	ck_assert_int_eq(r, TT_END);
	for (r = tt_iter_last(it); r == 0; r = tt_iter_prev(it)) {
		struct tt_slice k = tt_iter_key(it);

		(void)snprintf(one, sizeof(one), "%.*s ", (int)k.len,
			       (const char *)k.data);
		memmove(back + strlen(one), back, strlen(back) + 1);
		memcpy(back, one, strlen(one));
	}
	ck_assert_int_eq(r, TT_END);
	tt_iter_free(it);
	ck_assert_str_eq(there, all);
	ck_assert_str_eq(back, all);
}

START_TEST(a_prefix_is_a_range)
{
	struct tt_iter_options o = { .prefix = tt_str("ab") };

	put("a", "");
	put("aa\xff", "");
	put("ab", "");
	put("abc", "");
	put("ab\xff\xff", "");
	put("ac", "");
	put("\xff", "");
	put("\xff\xff", "");
	put("\xff\xff\x01", "");
	put("\xff\xff\xff", "");
	for (int flushed = 0; flushed < 2; flushed++) {
		o.prefix = tt_str("ab");
		expect_keys(&o, "ab abc ab\xff\xff ");
		/* The byte before the 0xff rises. */
		o.prefix = tt_str("ab\xff");
		expect_keys(&o, "ab\xff\xff ");
		/* Nothing comes behind these. */
		o.prefix = tt_str("\xff");
		expect_keys(&o, "\xff \xff\xff \xff\xff\x01 \xff\xff\xff ");
		o.prefix = tt_str("\xff\xff");
		expect_keys(&o, "\xff\xff \xff\xff\x01 \xff\xff\xff ");
		o.prefix = tt_str("\xff\xff\xff\xff");
		expect_keys(&o, "");
		o.prefix = tt_str("b");
		expect_keys(&o, "");
		ok(tt_flush(db));
	}
}
END_TEST

START_TEST(a_prefix_and_bounds_both_hold)
{
	struct tt_iter_options o = { .prefix = tt_str("b") };

	put("a", "");
	put("b1", "");
	put("b2", "");
	put("b3", "");
	put("c", "");
	o.lower = tt_str("b2");
	expect_keys(&o, "b2 b3 ");
	o.upper = tt_str("b3");
	expect_keys(&o, "b2 ");
	o.lower = tt_str("a");
	o.upper = tt_str("z");
	expect_keys(&o, "b1 b2 b3 ");
	o.lower = tt_str("c");
	expect_keys(&o, "");
}
END_TEST

START_TEST(keys_alone_come_without_values)
{
	struct tt_iter_options o = { .keys_only = true };
	struct tt_iter *it;

	put("a", "1");
	put("b", "2");
	ok(tt_patch(db, NULL, tt_str("c"), 3, tt_str("patch"), NULL));
	ok(tt_patch(db, NULL, tt_str("b"), 1, tt_str("patch"), NULL));
	ok(tt_delete(db, NULL, tt_str("a"), NULL));
	for (int flushed = 0; flushed < 2; flushed++) {
		expect_keys(&o, "b c ");
		ok(tt_iter_new(db, &o, &it));
		ok(tt_iter_first(it));
		ck_assert_uint_eq(tt_iter_value(it).len, 0);
		ok(tt_iter_next(it));
		ck_assert(is(tt_iter_key(it), "c"));
		ck_assert_uint_eq(tt_iter_value(it).len, 0);
		ok(tt_iter_prev(it));
		ck_assert(is(tt_iter_key(it), "b"));
		ck_assert_uint_eq(tt_iter_value(it).len, 0);
		tt_iter_free(it);
		ok(tt_flush(db));
	}
	/* Not so the next one, which may be the same again. */
	ok(tt_iter_new(db, NULL, &it));
	ok(tt_iter_first(it));
	ck_assert(is(tt_iter_value(it), "2patch"));
	tt_iter_free(it);
}
END_TEST

START_TEST(what_is_read_without_filling_stays_out_of_the_cache)
{
	struct tt_iter_options o = { .no_fill = true };
	struct tt_read_options ro = { .no_fill = true };
	uint64_t before, after;
	struct tt_iter *it;
	char key[16];
	int r;

	for (int i = 0; i < 5000; i++) {
		(void)snprintf(key, sizeof(key), "%06d", i);
		put(key, "a value of some length");
	}
	ok(tt_flush(db));
	ok(tt_stat(db, "engine.cache.bytes", &before));
	ok(tt_iter_new(db, &o, &it));
	for (r = tt_iter_first(it); r == 0;)
		r = tt_iter_next(it);
	for (r = tt_iter_last(it); r == 0;)
		r = tt_iter_prev(it);
	tt_iter_free(it);
	ok(tt_get(db, &ro, tt_str("000777"), NULL, 0, NULL, NULL));
	ok(tt_stat(db, "engine.cache.bytes", &after));
	ck_assert_uint_eq(before, after);
	ok(tt_iter_new(db, NULL, &it));
	for (r = tt_iter_first(it); r == 0;)
		r = tt_iter_next(it);
	tt_iter_free(it);
	ok(tt_stat(db, "engine.cache.bytes", &after));
	ck_assert_uint_gt(after, before);
}
END_TEST

static Suite *reads_suite(void)
{
	Suite *s = suite_create("reads");
	TCase *t = tcase_create("reads");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, several_keys_are_read_at_one_moment);
	tcase_add_test(t, one_bad_key_spoils_no_other);
	tcase_add_test(t, a_prefix_is_a_range);
	tcase_add_test(t, a_prefix_and_bounds_both_hold);
	tcase_add_test(t, keys_alone_come_without_values);
	tcase_add_test(t, what_is_read_without_filling_stays_out_of_the_cache);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(reads_suite)
