/* SPDX-License-Identifier: MIT */
/* Batches as an embedding program uses them: built, looked at, kept as bytes,
 * sent to another store and replayed there; and writes that merge. */
#include "api/api.h"

static char *dir;
static struct tt *db;
static struct tt_batch *batch;

/* Joins what is merged by commas. */
static int join(void *arg, struct tt_slice key, const struct tt_slice *base,
		const struct tt_slice *operands, size_t n,
		struct tt_merge_result *result)
{
	int r = base ? tt_merge_emit(result, *base) : 0;

	(void)key;
	++*(unsigned *)arg;
	for (size_t i = 0; i < n && r == 0; i++) {
		if (i || base)
			r = tt_merge_emit(result, tt_str(","));
		if (r == 0)
			r = tt_merge_emit(result, operands[i]);
	}
	return r;
}

static unsigned n_joins;

static struct tt *open_in(const char *name)
{
	struct tt_options *o = tt_options_new();
	char path[64];
	struct tt *out;

	ck_assert_ptr_nonnull(o);
	ok(tt_options_set_merge(o, "join", join, &n_joins));
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	ok(tt_open(path, o, &out));
	tt_options_free(o);
	return out;
}

static void setup(void)
{
	dir = make_dir();
	db = open_in("one");
	batch = tt_batch_new();
	ck_assert_ptr_nonnull(batch);
}

static void teardown(void)
{
	tt_batch_free(batch);
	ok(tt_close(db));
	remove_dir(dir);
}

/* One of each kind. */
static void fill(struct tt_batch *b)
{
	ok(tt_batch_put(b, tt_str("put"), tt_str("value")));
	ok(tt_batch_delete(b, tt_str("gone")));
	ok(tt_batch_patch(b, tt_str("patched"), 2, tt_str("XY")));
	ok(tt_batch_merge(b, tt_str("merged"), tt_str("two")));
}

static void check_filled(struct tt *store)
{
	expect(store, NULL, "put", "value");
	expect(store, NULL, "gone", NULL);
	expect(store, NULL, "patched", "abXYef");
	expect(store, NULL, "merged", "one,two");
}

static void prepare(struct tt *store)
{
	ok(tt_put(store, NULL, tt_str("gone"), tt_str("x"), NULL));
	ok(tt_put(store, NULL, tt_str("patched"), tt_str("abcdef"), NULL));
	ok(tt_put(store, NULL, tt_str("merged"), tt_str("one"), NULL));
}

static int note(void *arg, const struct tt_batch_op *op)
{
	char *text = arg;
	size_t n = strlen(text);

	(void)snprintf(text + n, 256 - n, "%d %.*s=%.*s@%zu;", (int)op->kind,
		       (int)op->key.len, (const char *)op->key.data,
		       (int)op->value.len, (const char *)op->value.data,
		       op->offset);
	return 0;
}

static int stop(void *arg, const struct tt_batch_op *op)
{
	(void)arg;
	return op->kind == TT_OP_DELETE ? 77 : 0;
}

START_TEST(a_batch_shows_what_it_holds)
{
	char text[256] = "", want[256];

	fill(batch);
	ck_assert_uint_eq(tt_batch_count(batch), 4);
	ck_assert_uint_eq(tt_batch_bytes(batch), tt_batch_data(batch).len);
	ok(tt_batch_each(batch, note, text));
	(void)snprintf(want, sizeof(want),
		       "%d put=value@0;%d gone=@0;%d patched=XY@2;"
		       "%d merged=two@0;",
		       TT_OP_PUT, TT_OP_DELETE, TT_OP_PATCH, TT_OP_MERGE);
	ck_assert_str_eq(text, want);
	ck_assert_int_eq(tt_batch_each(batch, stop, NULL), 77);
	tt_batch_clear(batch);
	ck_assert_uint_eq(tt_batch_count(batch), 0);
	ck_assert_uint_eq(tt_batch_data(batch).len, 0);
}
END_TEST

static bool is_there(const char *key)
{
	int r = tt_get(db, NULL, tt_str(key), NULL, 0, NULL, NULL);

	ck_assert(r == 0 || r == TT_NOTFOUND);
	return r == 0;
}

START_TEST(a_range_is_an_operation_like_others)
{
	struct tt_batch *copy;
	char text[256] = "", want[64];

	ok(tt_put(db, NULL, tt_str("a"), tt_str("1"), NULL));
	ok(tt_put(db, NULL, tt_str("b"), tt_str("1"), NULL));
	ok(tt_batch_delete_range(batch, tt_str("a"), tt_str("b")));
	ok(tt_batch_savepoint(batch));
	ok(tt_batch_delete_range(batch, tt_str("a"), tt_str("")));
	ok(tt_batch_rollback(batch));
	ok(tt_batch_put(batch, tt_str("aa"), tt_str("1")));
	ok(tt_batch_each(batch, note, text));
	(void)snprintf(want, sizeof(want), "%d a=b@0;%d aa=1@0;",
		       TT_OP_DELETE_RANGE, TT_OP_PUT);
	ck_assert_str_eq(text, want);
	ok(tt_batch_from(tt_batch_data(batch), &copy));
	ok(tt_batch_append(copy, copy)); /* what it put goes, and is back */
	ok(tt_write(db, NULL, copy, NULL));
	ck_assert(!is_there("a") && is_there("aa") && is_there("b"));
	ok(tt_delete_range(db, NULL, tt_str("aa"), tt_str(""), NULL));
	ck_assert(!is_there("aa") && !is_there("b"));
	tt_batch_free(copy);
}
END_TEST

START_TEST(bytes_replay_in_another_store)
{
	struct tt *other = open_in("two");
	struct tt_batch *copy, *none;
	char bytes[256];
	struct tt_slice data;

	prepare(db);
	prepare(other);
	fill(batch);
	ok(tt_write(db, NULL, batch, NULL));
	check_filled(db);
	/* As a file or a network would carry them. */
	data = tt_batch_data(batch);
	ck_assert_uint_lt(data.len, sizeof(bytes));
	memcpy(bytes, data.data, data.len);
	data.data = bytes;
	ok(tt_batch_from(data, &copy));
	ok(tt_write(other, NULL, copy, NULL));
	check_filled(other);
	data.len--;
	ck_assert_int_eq(tt_batch_from(data, &none), TT_ECORRUPT);
	tt_batch_free(copy);
	ok(tt_close(other));
}
END_TEST

START_TEST(batches_are_put_together_and_taken_back)
{
	struct tt_batch *part = tt_batch_new();

	ck_assert_ptr_nonnull(part);
	prepare(db);
	ok(tt_batch_put(batch, tt_str("put"), tt_str("value")));
	ok(tt_batch_savepoint(batch));
	ok(tt_batch_put(batch, tt_str("put"), tt_str("wrong")));
	ok(tt_batch_delete(batch, tt_str("patched")));
	ok(tt_batch_rollback(batch));
	ok(tt_batch_savepoint(batch));
	fill(part);
	ok(tt_batch_append(batch, part));
	ok(tt_batch_drop_savepoint(batch));
	ck_assert_int_eq(tt_batch_rollback(batch), TT_NOTFOUND);
	ck_assert_uint_eq(tt_batch_count(batch), 5);
	ok(tt_write(db, NULL, batch, NULL));
	check_filled(db);
	tt_batch_free(part);
}
END_TEST

START_TEST(single_writes_merge_too)
{
	int64_t a, b;

	prepare(db);
	ok(tt_patch(db, NULL, tt_str("patched"), 4, tt_str("!?#"), &a));
	ok(tt_merge(db, NULL, tt_str("merged"), tt_str("two"), &b));
	ck_assert_int_gt(b, a);
	ck_assert_int_eq(tt_last_ts(db), b);
	expect(db, NULL, "patched", "abcd!?#");
	expect(db, NULL, "merged", "one,two");
	ok(tt_compact(db, tt_str(""), tt_str("")));
	expect(db, NULL, "patched", "abcd!?#");
	expect(db, NULL, "merged", "one,two");
	ck_assert_uint_gt(n_joins, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("batches");
	TCase *t = tcase_create("batches");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_batch_shows_what_it_holds);
	tcase_add_test(t, a_range_is_an_operation_like_others);
	tcase_add_test(t, bytes_replay_in_another_store);
	tcase_add_test(t, batches_are_put_together_and_taken_back);
	tcase_add_test(t, single_writes_merge_too);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
