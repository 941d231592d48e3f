/* SPDX-License-Identifier: MIT */
/*
 * The public interface as an embedding program sees it: nothing but
 * ttrunks.h, linked to the shared library.
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

START_TEST(a_batch_is_applied_as_one)
{
	struct tt_batch *b = tt_batch_new();
	struct tt_slice parts[2] = { tt_str("va"), tt_str("lue") };
	int64_t ts, ts_a, ts_b;
	char buf[8];
	size_t n;

	ck_assert_ptr_nonnull(b);
	ok(tt_batch_put(b, tt_str("a"), tt_str("1")));
	ok(tt_batch_putv(b, tt_str("b"), parts, 2));
	ok(tt_batch_put(b, tt_str("c"), tt_str("gone")));
	ok(tt_batch_delete(b, tt_str("c")));
	ck_assert_uint_eq(tt_batch_count(b), 4);
	ok(tt_write(db, NULL, b, &ts));
	ok(tt_get(db, NULL, tt_str("a"), buf, 8, &n, &ts_a));
	ok(tt_get(db, NULL, tt_str("b"), buf, 2, &n, &ts_b));
	ck_assert_uint_eq(n, 5);
	ck_assert(memcmp(buf, "va", 2) == 0);
	ck_assert(ts_a == ts && ts_b == ts);
	ck_assert_int_eq(tt_get(db, NULL, tt_str("c"), NULL, 0, NULL, NULL),
			 TT_NOTFOUND);
	tt_batch_free(b);
}
END_TEST

START_TEST(an_iterator_keeps_to_its_bounds)
{
	struct tt_iter_options io = { .lower = tt_str("b"),
				      .upper = tt_str("d") };
	struct tt_iter *it;

	for (const char *k = "abcde"; *k; k++)
		ok(tt_put(db, NULL, (struct tt_slice){ k, 1 }, tt_str("v"),
			  NULL));
	ok(tt_iter_new(db, &io, &it));
	ck_assert(!tt_iter_valid(it));
	ok(tt_iter_first(it));
	ck_assert(memcmp(tt_iter_key(it).data, "b", 1) == 0);
	ok(tt_iter_next(it));
	ck_assert_int_eq(tt_iter_next(it), TT_END);
	ok(tt_iter_seek_for_prev(it, tt_str("z")));
	ck_assert(memcmp(tt_iter_key(it).data, "c", 1) == 0);
	ok(tt_iter_seek(it, tt_str("a")));
	ck_assert(memcmp(tt_iter_key(it).data, "b", 1) == 0);
	ck_assert_int_eq(tt_iter_prev(it), TT_END);
	tt_iter_free(it);
}
END_TEST

START_TEST(limits_are_told)
{
	char *big = calloc(1, TT_KEY_MAX + 2);
	struct tt_slice none = { NULL, 0 };
	struct tt_slice long_key = { big, TT_KEY_MAX + 1 };

	ck_assert_ptr_nonnull(big);
	ck_assert_int_eq(tt_put(db, NULL, long_key, none, NULL), TT_ETOOBIG);
	ck_assert_int_eq(tt_error_errno(TT_ETOOBIG), EFBIG);
	ck_assert_str_eq(tt_error_name(TT_ETOOBIG), "TT_ETOOBIG");
	ck_assert_int_eq(tt_put(db, NULL, none, none, NULL), TT_EKEY);
	long_key.len = TT_KEY_MAX;
	ok(tt_put(db, NULL, long_key, none, NULL));
	ok(tt_get(db, NULL, long_key, NULL, 0, NULL, NULL));
	free(big);
}
END_TEST

static void count(void *arg, const char *name, uint64_t value, const char *help)
{
	(void)value;
	ck_assert(strncmp(name, "engine.", 7) == 0 && help[0]);
	++*(unsigned *)arg;
}

START_TEST(statistics_options_and_space_are_shown)
{
	struct tt_options *o = tt_options_new();
	const struct tt_option_info *info;
	struct tt_background_error e;
	struct tt_space space;
	unsigned n = 0;
	uint64_t v;

	tt_stats_each(db, count, &n);
	ck_assert_uint_gt(n, 40);
	ck_assert_int_eq(tt_stat(db, "engine.nonsense", &v), TT_NOTFOUND);
	ok(tt_space(db, &space));
	ck_assert(space.disk_bytes >= space.free_bytes);
	ck_assert_int_eq(tt_background_error(db, &e), TT_BACKGROUND_WELL);
	ck_assert(e.state == TT_BACKGROUND_WELL && e.code == 0 && !e.text[0]);
	ok(tt_resume(db));
	ck_assert_ptr_nonnull(o);
	for (size_t i = 0; (info = tt_option_info(i)) != NULL; i++) {
		ck_assert(info->name && info->type && info->help);
		ok(tt_options_set(o, info->name, info->default_value));
	}
	ck_assert_int_eq(tt_options_set(o, "memory", "1"), TT_EOPTION);
	ck_assert_int_eq(tt_options_set(o, "nonsense", "1"), TT_EOPTION);
	ck_assert(strncmp(tt_version(), "ttrunks ", 8) == 0);
	tt_options_free(o);
}
END_TEST

START_TEST(durability_can_be_asked_for)
{
	struct tt_write_options wo = { .sync = true };
	uint64_t syncs;

	ok(tt_put(db, &wo, tt_str("k"), tt_str("v"), NULL));
	ok(tt_stat(db, "engine.wal.syncs", &syncs));
	ck_assert_uint_ge(syncs, 1);
	ok(tt_put(db, NULL, tt_str("k"), tt_str("w"), NULL));
	ok(tt_sync(db));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("api");
	TCase *t = tcase_create("api");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_batch_is_applied_as_one);
	tcase_add_test(t, an_iterator_keeps_to_its_bounds);
	tcase_add_test(t, limits_are_told);
	tcase_add_test(t, statistics_options_and_space_are_shown);
	tcase_add_test(t, durability_can_be_asked_for);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
