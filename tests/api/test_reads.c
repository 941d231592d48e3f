/* SPDX-License-Identifier: MIT */
/* Snapshots, the past, iterators and figures, as an embedding program sees
 * them. */
#include "api/api.h"

static char *dir;
static struct tt *db;

static struct tt *opened(const char *retention)
{
	struct tt_options *o = tt_options_new();
	struct tt *out;

	ck_assert_ptr_nonnull(o);
	if (retention)
		ok(tt_options_set(o, "retention", retention));
	ok(tt_open(dir, o, &out));
	tt_options_free(o);
	return out;
}

static void setup(void)
{
	dir = make_dir();
	db = opened("1h");
}

static void teardown(void)
{
	ok(tt_close(db));
	remove_dir(dir);
}

static int64_t put(const char *key, const char *value)
{
	int64_t ts;

	ok(tt_put(db, NULL, tt_str(key), tt_str(value), &ts));
	return ts;
}

START_TEST(a_snapshot_holds_its_moment)
{
	struct tt_read_options ro = { 0 };
	struct tt_iter_options io = { 0 };
	struct tt_snapshot *snap;
	struct tt_iter *it;
	int64_t ts = put("k", "old");

	ok(tt_snapshot_new(db, &snap));
	ck_assert_int_eq(tt_snapshot_ts(snap), ts);
	put("k", "new");
	put("later", "x");
	ok(tt_compact(db, tt_str(""), tt_str("")));
	ro.snapshot = snap;
	expect(db, &ro, "k", "old");
	expect(db, &ro, "later", NULL);
	expect(db, NULL, "k", "new");
	io.snapshot = snap;
	ok(tt_iter_new(db, &io, &it));
	tt_snapshot_free(db, snap); /* the iterator has its state */
	ok(tt_iter_first(it));
	ck_assert(!memcmp(tt_iter_value(it).data, "old", 3));
	ck_assert_int_eq(tt_iter_ts(it), ts);
	ck_assert_int_eq(tt_iter_next(it), TT_END);
	ok(tt_iter_refresh(it));
	ok(tt_iter_last(it));
	ck_assert(!memcmp(tt_iter_key(it).data, "later", 5));
	tt_iter_free(it);
}
END_TEST

START_TEST(the_past_is_read_until_it_is_let_go)
{
	struct tt_read_options ro = { .as_of = put("k", "first") };
	struct tt_snapshot *snap;
	int64_t second = put("k", "second");

	put("k", "third");
	ok(tt_delete(db, NULL, tt_str("k"), NULL));
	ok(tt_compact(db, tt_str(""), tt_str("")));
	expect(db, NULL, "k", NULL);
	expect(db, &ro, "k", "first");
	ok(tt_snapshot_at(db, second, &snap));
	/* Reopened it still is; the store remembers its retention. */
	tt_snapshot_free(db, snap);
	ok(tt_close(db));
	db = opened(NULL);
	expect(db, &ro, "k", "first");
	ro.as_of = second;
	expect(db, &ro, "k", "second");
	/* Without retention it goes with the next compaction. */
	ok(tt_close(db));
	db = opened("0");
	put("k", "fourth");
	put("k", "fifth");
	ok(tt_compact(db, tt_str(""), tt_str("")));
	ck_assert_int_eq(tt_get(db, &ro, tt_str("k"), NULL, 0, NULL, NULL),
			 TT_ETOOOLD);
	ck_assert_int_eq(tt_snapshot_at(db, second, &snap), TT_ETOOOLD);
	ck_assert_int_eq(tt_error_errno(TT_ETOOOLD), EINVAL);
	expect(db, NULL, "k", "fifth");
}
END_TEST

START_TEST(an_iterator_walks_the_past)
{
	struct tt_iter_options io = { .as_of = 0 };
	struct tt_iter *it;

	put("a", "1");
	put("b", "1");
	io.as_of = put("c", "1");
	ok(tt_delete(db, NULL, tt_str("b"), NULL));
	put("d", "2");
	ok(tt_iter_new(db, &io, &it));
	ok(tt_iter_seek(it, tt_str("b")));
	ck_assert(!memcmp(tt_iter_key(it).data, "b", 1));
	ok(tt_iter_next(it));
	ck_assert_int_eq(tt_iter_next(it), TT_END);
	ok(tt_iter_seek_for_prev(it, tt_str("z")));
	ck_assert(!memcmp(tt_iter_key(it).data, "c", 1));
	ok(tt_iter_prev(it));
	ck_assert(tt_iter_valid(it));
	tt_iter_free(it);
}
END_TEST

static int find_retention(void *arg, const char *name, const char *value,
			  bool is_set)
{
	if (strcmp(name, "retention") != 0)
		return 0;
	(void)snprintf(arg, 32, "%s %s", value, is_set ? "set" : "default");
	return 5;
}

START_TEST(a_store_tells_its_options)
{
	struct tt_options *o = tt_options_new();
	char text[32];

	ck_assert_int_eq(
		tt_options_each(tt_options_of(db), find_retention, text), 5);
	ck_assert_str_eq(text, "1h set");
	ck_assert_ptr_nonnull(o);
	ck_assert_int_eq(tt_options_each(o, find_retention, text), 5);
	ck_assert_str_eq(text, "0 default");
	ok(tt_options_load(dir, o));
	ck_assert_int_eq(tt_options_each(o, find_retention, text), 5);
	ck_assert_str_eq(text, "1h set");
	ck_assert_int_eq(tt_options_load("/nowhere/at/all", o), TT_NOTFOUND);
	tt_options_free(o);
}
END_TEST

START_TEST(figures_for_programs_and_people)
{
	struct tt_estimate e;
	uint64_t n;
	char *text;

	for (int i = 0; i < 1000; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "%04d", i);
		put(key, "some value");
	}
	ok(tt_flush(db));
	ok(tt_estimate(db, tt_str("0000"), tt_str("0500"), &e));
	ck_assert(e.keys > 250 && e.keys < 750 && e.disk_bytes > 0);
	ok(tt_stat(db, "engine.estimated_keys", &n));
	ck_assert_uint_eq(n, 1000);
	ok(tt_verify(db, NULL, NULL));
	ok(tt_stats_text(db, &text));
	ck_assert_ptr_nonnull(strstr(text, "about 1000 keys"));
	free(text);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("reads");
	TCase *t = tcase_create("reads");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_snapshot_holds_its_moment);
	tcase_add_test(t, the_past_is_read_until_it_is_let_go);
	tcase_add_test(t, an_iterator_walks_the_past);
	tcase_add_test(t, a_store_tells_its_options);
	tcase_add_test(t, figures_for_programs_and_people);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
