/* SPDX-License-Identifier: MIT */
/* Range deletions end to end: what is deleted stays so, what is not lives, and
 * neither reading nor compacting around it costs what was deleted. */
#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "support/check_main.h"
#include "support/tmpdir.h"
#include "ttrunks.h"

static char *dir;
static struct tt_options *opts;
static struct tt *db;

static void setup(void)
{
	static const char *const settings[][2] = {
		{ "memory", "16M" },	   { "memtable_bytes", "1M" },
		{ "table_bytes", "64k" },  { "l0_trigger", "8" },
		{ "compression", "none" },
	};

	dir = tmpdir_new();
	opts = tt_options_new();
	ck_assert_ptr_nonnull(opts);
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		ck_ok(tt_options_set(opts, settings[i][0], settings[i][1]));
	ck_ok(tt_open(tmpdir_path(dir, "store"), opts, &db));
}

static void teardown(void)
{
	ck_ok(tt_close(db));
	tt_options_free(opts);
	tmpdir_free(dir);
}

static void reopen(void)
{
	ck_ok(tt_close(db));
	ck_ok(tt_open(tmpdir_path(dir, "store"), opts, &db));
}

static void put(const char *k, const char *v)
{
	ck_ok(tt_put(db, NULL, tt_str(k), tt_str(v), NULL));
}

static void delete_range(const char *lower, const char *upper)
{
	ck_ok(tt_delete_range(db, NULL, tt_str(lower), tt_str(upper), NULL));
}

static bool has_at(const char *k, const struct tt_snapshot *snap)
{
	struct tt_read_options ro = { .snapshot = snap };
	int r = tt_get(db, &ro, tt_str(k), NULL, 0, NULL, NULL);

	ck_assert_msg(r == 0 || r == TT_NOTFOUND, "%s", tt_error_text(r));
	return r == 0;
}

static bool has(const char *k)
{
	return has_at(k, NULL);
}

static uint64_t stat_of(const char *name)
{
	uint64_t v;

	ck_ok(tt_stat(db, name, &v));
	return v;
}

static struct tt_slice row(unsigned i)
{
	static char bufs[4][32];
	static unsigned at;
	char *b = bufs[at++ % 4];

	(void)snprintf(b, sizeof(bufs[0]), "row%08u", i);
	return tt_str(b);
}

static void put_rows(unsigned from, unsigned to)
{
	char value[100] = "a value of some length";

	for (unsigned i = from; i < to; i++)
		ck_ok(tt_put(db, NULL, row(i), SLICE(value, sizeof(value)),
			     NULL));
}

/* Waits for the background work that is due. */
static void settle(void)
{
	ck_ok(tt_compact(db, tt_str("~"), tt_str("~~")));
}

/* All live keys, both ways, as text. */
static void expect_keys(const struct tt_snapshot *snap, const char *keys)
{
	struct tt_iter_options io = { .snapshot = snap };
	char there[256] = "", back[256] = "";
	struct tt_iter *it;
	int r;

	ck_ok(tt_iter_new(db, &io, &it));
	for (r = tt_iter_first(it); r == 0; r = tt_iter_next(it)) {
		size_t n = strlen(there);

		(void)snprintf(there + n, sizeof(there) - n, "%.*s ",
			       (int)tt_iter_key(it).len,
			       (const char *)tt_iter_key(it).data);
	}
	ck_assert_int_eq(r, TT_END);
	for (r = tt_iter_last(it); r == 0; r = tt_iter_prev(it)) {
		char was[256];

		memcpy(was, back, sizeof(was));
		(void)snprintf(back, sizeof(back), "%.*s %.*s",
			       (int)tt_iter_key(it).len,
			       (const char *)tt_iter_key(it).data, 200, was);
	}
	ck_assert_int_eq(r, TT_END);
	ck_assert_str_eq(there, keys);
	ck_assert_str_eq(back, keys);
	tt_iter_free(it);
}

START_TEST(a_range_is_deleted_up_to_its_upper_key)
{
	struct tt_snapshot *snap;

	for (const char *k = "abcdefg"; *k; k++)
		put((char[]){ *k, 0 }, "v");
	ck_ok(tt_snapshot_new(db, &snap));
	delete_range("b", "e");
	put("c", "again");
	for (int i = 0; i < 4; i++) {
		expect_keys(NULL, "a c e f g ");
		ck_assert(has("a") && !has("b") && has("c") && !has("d") &&
			  has("e"));
		if (snap) {
			expect_keys(snap, "a b c d e f g ");
			ck_assert(has_at("b", snap));
		}
		if (i == 0)
			ck_ok(tt_flush(db));
		if (i == 1)
			ck_ok(tt_compact(db, tt_str(""), tt_str("")));
		if (i == 2) {
			tt_snapshot_free(db, snap);
			snap = NULL;
			reopen();
		}
	}
	ck_assert_uint_eq(stat_of("engine.range_deletes"), 0); /* reopened */
	delete_range("f", "g");
	ck_assert_uint_eq(stat_of("engine.range_deletes"), 1);
	expect_keys(NULL, "a c e g ");
}
END_TEST

START_TEST(a_range_without_an_upper_key_has_no_end)
{
	static char far[TT_KEY_MAX];

	memset(far, 0xff, sizeof(far));
	put("a", "v");
	put("z", "v");
	ck_ok(tt_put(db, NULL, SLICE(far, TT_KEY_MAX), tt_str("v"), NULL));
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	ck_ok(tt_delete_range(db, NULL, tt_str("b"), SLICE_EMPTY, NULL));
	for (int i = 0; i < 3; i++) {
		expect_keys(NULL, "a ");
		ck_assert_int_eq(tt_get(db, NULL, SLICE(far, TT_KEY_MAX), NULL,
					0, NULL, NULL),
				 TT_NOTFOUND);
		if (i == 0)
			ck_ok(tt_flush(db));
		else
			reopen();
	}
	put("y", "v");
	expect_keys(NULL, "a y ");
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	expect_keys(NULL, "a y ");
	ck_assert_uint_eq(stat_of("engine.tables.range_tombstones"), 0);
}
END_TEST

START_TEST(impossible_ranges_are_refused)
{
	static char big[TT_KEY_MAX + 1];
	struct tt_batch *b = tt_batch_new();

	ck_err(tt_delete_range(db, NULL, tt_str(""), tt_str("b"), NULL),
	       TT_EKEY);
	ck_err(tt_delete_range(db, NULL, tt_str("b"), tt_str("b"), NULL),
	       TT_EKEY);
	ck_err(tt_delete_range(db, NULL, tt_str("b"), tt_str("a"), NULL),
	       TT_EKEY);
	ck_err(tt_delete_range(db, NULL, tt_str("b"), SLICE(big, sizeof(big)),
			       NULL),
	       TT_ETOOBIG);
	ck_err(tt_batch_delete_range(b, tt_str("b"), tt_str("a")), TT_EKEY);
	ck_assert_uint_eq(tt_batch_count(b), 0);
	tt_batch_free(b);
}
END_TEST

/* ---- batches ---------------------------------------------------------- */

static int show(void *arg, const struct tt_batch_op *op)
{
	char *text = arg;
	size_t n = strlen(text);

	(void)snprintf(text + n, 200 - n, "%s%.*s-%.*s ",
		       op->kind == TT_OP_DELETE_RANGE ? "range " : "put ",
		       (int)op->key.len, (const char *)op->key.data,
		       (int)op->value.len, (const char *)op->value.data);
	return 0;
}

START_TEST(within_a_batch_the_order_counts)
{
	struct tt_batch *b = tt_batch_new();
	char text[200] = "";
	int64_t ts;

	put("old", "v");
	put("p", "base");
	ck_ok(tt_batch_put(b, tt_str("k1"), tt_str("gone")));
	ck_ok(tt_batch_patch(b, tt_str("k3"), 0, tt_str("gone")));
	ck_ok(tt_batch_delete_range(b, tt_str("k"), tt_str("q")));
	ck_ok(tt_batch_put(b, tt_str("k2"), tt_str("lives")));
	ck_ok(tt_batch_patch(b, tt_str("p"), 2, tt_str("xy")));
	ck_ok(tt_batch_put(b, tt_str("k4"), tt_str("gone")));
	ck_ok(tt_batch_delete_range(b, tt_str("k4"), tt_str("k5")));
	ck_ok(tt_batch_each(b, show, text));
	ck_assert_ptr_nonnull(strstr(text, "range k-q put k2-lives "));
	ck_ok(tt_write(db, NULL, b, &ts));
	ck_assert_uint_eq(stat_of("engine.range_deletes"), 2);
	for (int i = 0; i < 4; i++) {
		char buf[16];
		size_t n;

		expect_keys(NULL, "k2 p ");
		ck_assert(!has("k1") && has("k2") && !has("k3") && !has("k4") &&
			  !has("old"));
		/* Merged over nothing, not over what the range deleted. */
		ck_ok(tt_get(db, NULL, tt_str("p"), buf, sizeof(buf), &n,
			     NULL));
		ck_assert(slice_eq(SLICE(buf, n), SLICE("\0\0xy", 4)));
		if (i == 0)
			reopen(); /* from the log, or its tables */
		if (i == 1)
			ck_ok(tt_compact(db, tt_str(""), tt_str("")));
		if (i == 2)
			reopen();
	}
	tt_batch_free(b);
}
END_TEST

START_TEST(a_batch_of_many_ranges_is_one)
{
	struct tt_batch *b = tt_batch_new();

	put_rows(0, 2000);
	for (unsigned i = 0; i < 2000; i += 4)
		ck_ok(tt_batch_delete_range(b, row(i), row(i + 2)));
	ck_ok(tt_write(db, NULL, b, NULL));
	for (int i = 0; i < 3; i++) {
		struct tt_iter *it;
		unsigned n = 0;
		int r;

		ck_ok(tt_iter_new(db, NULL, &it));
		for (r = tt_iter_first(it); r == 0; r = tt_iter_next(it), n++)
			ck_assert(slice_eq(tt_iter_key(it),
					   row(n / 2 * 4 + 2 + n % 2)));
		ck_assert_uint_eq(n, 1000);
		tt_iter_free(it);
		ck_assert(!has("row00000100") && has("row00000102"));
		ck_ok(i ? tt_compact(db, tt_str(""), tt_str(""))
			: tt_flush(db));
	}
	tt_batch_free(b);
}
END_TEST

START_TEST(what_comes_and_goes_before_a_flush_leaves_nothing)
{
	uint64_t bytes;

	put_rows(0, 100);
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	bytes = stat_of("engine.tables.bytes");
	put("tmp1", "v");
	put("tmp2", "v");
	delete_range("tmp", "tmq");
	ck_ok(tt_flush(db));
	ck_assert_uint_eq(stat_of("engine.tables.range_tombstones"), 0);
	ck_assert_uint_eq(stat_of("engine.tables.bytes"), bytes);
	delete_range("row00000050", "tmq"); /* up to the last row there is */
	ck_ok(tt_flush(db));
	ck_assert(has("row00000049") && !has("row00000050"));
}
END_TEST

/* ---- what it costs ---------------------------------------------------- */

START_TEST(tables_wholly_deleted_are_dropped_unread)
{
	uint64_t files, read, dropped;

	put_rows(0, 20000);
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	settle();
	files = stat_of("engine.level6.files");
	ck_assert_uint_ge(files, 20);
	read = stat_of("engine.compaction_read_bytes");
	ck_ok(tt_delete_range(db, NULL, row(1000), row(19000), NULL));
	settle();
	dropped = stat_of("engine.covered_tables_dropped");
	ck_assert_uint_ge(dropped, files * 8 / 10);
	ck_assert_uint_le(stat_of("engine.level6.files"), files - dropped);
	/* The tables at both ends, which are deleted in part, may have been
	 * compacted by now; no others are read. */
	ck_assert_uint_le(stat_of("engine.compaction_read_bytes") - read,
			  6 * (64 << 10));
	ck_assert_uint_gt(dropped, 12);
	ck_assert(has("row00000999") && !has("row00001000") &&
		  !has("row00018999") && has("row00019000"));
	reopen();
	ck_assert(has("row00000999") && !has("row00001000") &&
		  !has("row00018999") && has("row00019000"));
	/* The range itself goes once nothing is left under it. */
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	ck_assert_uint_eq(stat_of("engine.tables.range_tombstones"), 0);
	ck_ok(tt_verify(db, NULL, NULL));
}
END_TEST

START_TEST(the_past_of_dropped_tables_is_refused)
{
	struct tt_read_options ro = { 0 };
	int64_t deleted;

	put_rows(0, 5000);
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	ro.as_of = tt_last_ts(db);
	ck_ok(tt_delete_range(db, NULL, tt_str("row"), tt_str("rox"),
			      &deleted));
	ck_ok(tt_get(db, &ro, row(2000), NULL, 0, NULL, NULL));
	settle();
	ck_assert_uint_gt(stat_of("engine.covered_tables_dropped"), 3);
	ck_err(tt_get(db, &ro, row(2000), NULL, 0, NULL, NULL), TT_ETOOOLD);
	ro.as_of = deleted;
	ck_assert_int_eq(tt_get(db, &ro, row(2000), NULL, 0, NULL, NULL),
			 TT_NOTFOUND);
}
END_TEST

START_TEST(a_snapshot_keeps_tables_from_being_dropped)
{
	struct tt_snapshot *snap;

	put_rows(0, 5000);
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	ck_ok(tt_snapshot_new(db, &snap));
	ck_ok(tt_delete_range(db, NULL, tt_str("row"), tt_str("rox"), NULL));
	settle();
	ck_assert_uint_eq(stat_of("engine.covered_tables_dropped"), 0);
	ck_assert(!has("row00002000") && has_at("row00002000", snap));
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	ck_assert(!has("row00002000") && has_at("row00002000", snap));
	tt_snapshot_free(db, snap);
	expect_keys(NULL, "");
	settle();
	ck_assert(!has("row00002000"));
}
END_TEST

START_TEST(tables_go_once_the_snapshot_has_gone)
{
	struct tt_snapshot *snap;

	put_rows(0, 5000);
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	ck_ok(tt_snapshot_new(db, &snap));
	ck_ok(tt_delete_range(db, NULL, tt_str("row"), tt_str("rox"), NULL));
	settle();
	tt_snapshot_free(db, snap);
	settle();
	ck_assert_uint_gt(stat_of("engine.covered_tables_dropped"), 3);
	ck_assert_uint_eq(stat_of("engine.level6.files"), 0);
}
END_TEST

static uint64_t blocks_used(void)
{
	return stat_of("engine.cache.hits") + stat_of("engine.cache.misses");
}

/* The tables under the range stay, a snapshot reads them; their rows are not
 * walked over. */
START_TEST(passing_over_a_deleted_range_reads_none_of_it)
{
	struct tt_snapshot *snap;
	struct tt_iter *it;
	uint64_t before;

	put_rows(0, 40000);
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	put_rows(15000, 16000); /* a younger run too */
	ck_ok(tt_flush(db));
	ck_ok(tt_snapshot_new(db, &snap));
	ck_ok(tt_delete_range(db, NULL, row(10), row(39990), NULL));
	for (int i = 0; i < 2; i++) {
		ck_ok(tt_iter_new(db, NULL, &it));
		before = blocks_used();
		ck_ok(tt_iter_seek(it, row(9)));
		ck_ok(tt_iter_next(it));
		ck_assert(slice_eq(tt_iter_key(it), row(39990)));
		ck_ok(tt_iter_prev(it));
		ck_assert(slice_eq(tt_iter_key(it), row(9)));
		ck_ok(tt_iter_seek(it, row(20000)));
		ck_assert(slice_eq(tt_iter_key(it), row(39990)));
		ck_ok(tt_iter_seek_for_prev(it, row(20000)));
		ck_assert(slice_eq(tt_iter_key(it), row(9)));
		ck_assert_uint_lt(blocks_used() - before, 150);
		tt_iter_free(it);
		ck_ok(tt_flush(db));
	}
	tt_snapshot_free(db, snap);
}
END_TEST

START_TEST(partly_deleted_tables_are_compacted_soon)
{
	uint64_t bytes;

	put_rows(0, 20000);
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	settle();
	bytes = stat_of("engine.tables.bytes");
	/* Three of four rows, but no table wholly. */
	for (unsigned i = 0; i < 20000; i += 200)
		ck_ok(tt_delete_range(db, NULL, row(i), row(i + 150), NULL));
	ck_ok(tt_flush(db));
	while (stat_of("engine.tables.bytes") > bytes / 2)
		settle(); /* a range away from here: the trigger does it */
	ck_assert_uint_eq(stat_of("engine.covered_tables_dropped"), 0);
	ck_assert(!has("row00000149") && has("row00000150"));
}
END_TEST

/* ---- bounds of tables ------------------------------------------------- */

/* A range reaches over many tables of its run, cut at each, and the tables
 * under it end where it begins and ends. */
START_TEST(tables_meet_where_ranges_end)
{
	struct tt_snapshot *snaps[2];

	put_rows(0, 6000);
	ck_ok(tt_snapshot_new(db, &snaps[0]));
	ck_ok(tt_delete_range(db, NULL, row(1000), row(2000), NULL));
	ck_ok(tt_delete_range(db, NULL, row(2000), row(3000), NULL));
	put_rows(1500, 1600);
	put_rows(2000, 2001);
	ck_ok(tt_snapshot_new(db, &snaps[1]));
	ck_ok(tt_delete_range(db, NULL, row(500), row(5500), NULL));
	put_rows(3000, 3100);
	for (int i = 0; i < 4; i++) {
		for (unsigned k = 0; k < 6000; k += 50) {
			const char *key = row(k).data;
			bool in_first = k < 1000 || k >= 3000 ||
					(k >= 1500 && k < 1600) || k == 2000;
			bool now =
				k < 500 || k >= 5500 || (k >= 3000 && k < 3100);

			ck_assert(has_at(key, snaps[0]));
			ck_assert_int_eq(has_at(key, snaps[1]), in_first);
			ck_assert_int_eq(has(key), now);
		}
		if (i == 0)
			ck_ok(tt_flush(db));
		else
			ck_ok(tt_compact(db, tt_str(i == 1 ? "row00002" : ""),
					 tt_str(i == 1 ? "row00003" : "")));
		ck_ok(tt_verify(db, NULL, NULL));
	}
	tt_snapshot_free(db, snaps[0]);
	tt_snapshot_free(db, snaps[1]);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("delete_range");
	TCase *t = tcase_create("delete_range");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_range_is_deleted_up_to_its_upper_key);
	tcase_add_test(t, a_range_without_an_upper_key_has_no_end);
	tcase_add_test(t, impossible_ranges_are_refused);
	tcase_add_test(t, within_a_batch_the_order_counts);
	tcase_add_test(t, a_batch_of_many_ranges_is_one);
	tcase_add_test(t, what_comes_and_goes_before_a_flush_leaves_nothing);
	tcase_add_test(t, tables_wholly_deleted_are_dropped_unread);
	tcase_add_test(t, the_past_of_dropped_tables_is_refused);
	tcase_add_test(t, a_snapshot_keeps_tables_from_being_dropped);
	tcase_add_test(t, tables_go_once_the_snapshot_has_gone);
	tcase_add_test(t, passing_over_a_deleted_range_reads_none_of_it);
	tcase_add_test(t, partly_deleted_tables_are_compacted_soon);
	tcase_add_test(t, tables_meet_where_ranges_end);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
