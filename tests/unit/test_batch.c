/* SPDX-License-Identifier: MIT */
/* Batches: what goes in comes out, and nothing else is believed. */
#include <stdlib.h>

#include "lsm/batch.h"
#include "lsm/record.h"
#include "tests/support/check_main.h"
#include "tests/support/prng.h"

static struct tt_batch *b;

static void setup(void)
{
	b = tt_batch_new();
	ck_assert_ptr_nonnull(b);
}

static void teardown(void)
{
	tt_batch_free(b);
}

static int collect(void *arg, const struct tt_batch_op *op)
{
	struct buf *text = arg;
	int r = buf_printf(text, "%c%.*s=%.*s", "+-~*x"[op->kind],
			   (int)op -> key.len, (const char *)op->key.data,
			   (int)op->value.len, (const char *)op->value.data);

	if (r == 0 && op->offset)
		r = buf_printf(text, "@%zu", op->offset);
	return r < 0 ? r : buf_append_byte(text, ';');
}

START_TEST(operations_come_back_in_order)
{
	struct tt_slice parts[3] = { tt_str("x"), tt_str(""), tt_str("yz") };
	struct buf text = BUF_INIT;

	ck_ok(tt_batch_put(b, tt_str("a"), tt_str("1")));
	ck_ok(tt_batch_delete(b, tt_str("b")));
	ck_ok(tt_batch_putv(b, tt_str("c"), parts, 3));
	ck_ok(tt_batch_put(b, tt_str("d"), SLICE_EMPTY));
	ck_assert_uint_eq(tt_batch_count(b), 4);
	ck_ok(tt_batch_each(b, collect, &text));
	ck_assert_str_eq(buf_cstr(&text), "+a=1;-b=;+c=xyz;+d=;");
	ck_ok(batch_verify(batch_encoded(b)));
	tt_batch_clear(b);
	ck_assert_uint_eq(tt_batch_count(b), 0);
	ck_assert_uint_eq(tt_batch_bytes(b), 0);
	buf_clear(&text);
	ck_ok(tt_batch_each(b, collect, &text));
	ck_assert_uint_eq(text.len, 0);
	buf_fini(&text);
}
END_TEST

static int stop(void *arg, const struct tt_batch_op *op)
{
	(void)op;
	return ++*(int *)arg == 2 ? 42 : 0;
}

START_TEST(each_hands_through_what_ends_it)
{
	int n = 0;

	for (int i = 0; i < 5; i++)
		ck_ok(tt_batch_put(b, tt_str("k"), tt_str("v")));
	ck_assert_int_eq(tt_batch_each(b, stop, &n), 42);
	ck_assert_int_eq(n, 2);
}
END_TEST

START_TEST(limits_refuse_and_leave_the_batch_alone)
{
	char *big = calloc(1, TT_KEY_MAX + 1);
	struct tt_slice twice[2] = { { big, TT_VALUE_MAX },
				     { big, TT_VALUE_MAX } };
	size_t bytes;

	ck_ok(tt_batch_put(b, SLICE(big, TT_KEY_MAX), tt_str("v")));
	bytes = tt_batch_bytes(b);
	ck_err(tt_batch_put(b, SLICE_EMPTY, tt_str("v")), TT_EKEY);
	ck_err(tt_batch_put(b, SLICE(big, TT_KEY_MAX + 1), tt_str("v")),
	       TT_ETOOBIG);
	ck_err(tt_batch_delete(b, SLICE_EMPTY), TT_EKEY);
	ck_err(tt_batch_put(b, tt_str("k"), SLICE(big, TT_VALUE_MAX + 1ul)),
	       TT_ETOOBIG);
	ck_err(tt_batch_putv(b, tt_str("k"), twice, 2), TT_ETOOBIG);
	ck_assert_uint_eq(tt_batch_count(b), 1);
	ck_assert_uint_eq(tt_batch_bytes(b), bytes);
	free(big);
}
END_TEST

START_TEST(one_operation_encodes_as_a_batch_of_one)
{
	static const size_t lens[] = { 0, 1, 127, 128, 70000 };
	char *value = calloc(1, 70000);

	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		for (uint8_t kind = 0; kind < 8; kind++) {
			struct tt_slice v = { value, lens[i] };
			struct buf flat = BUF_INIT;
			struct batch_one one;

			if (!record_kind_is_known(kind) ||
			    kind == RECORD_POINTER)
				continue;
			if (kind == RECORD_TOMBSTONE)
				v.len = 0;
			tt_batch_clear(b);
			ck_ok(batch_add(b, kind, tt_str("some key"), v));
			batch_one_encode(&one, kind, tt_str("some key"), v);
			for (int k = 0; k < 4; k++)
				ck_ok(buf_append_slice(&flat, one.parts[k]));
			ck_assert_uint_eq(flat.len, one.len);
			ck_assert(slice_eq(buf_slice(&flat), batch_encoded(b)));
			buf_fini(&flat);
		}
	}
	free(value);
}
END_TEST

static void expect(const struct tt_batch *batch, const char *want)
{
	struct buf text = BUF_INIT;

	ck_ok(tt_batch_each(batch, collect, &text));
	ck_assert_str_eq(text.len ? buf_cstr(&text) : "", want);
	if (batch->n_ops)
		ck_ok(batch_verify(batch_encoded(batch)));
	else
		ck_assert_uint_eq(batch->data.len, 0);
	buf_fini(&text);
}

START_TEST(a_batch_comes_back_from_its_bytes)
{
	struct tt_batch *copy;

	ck_ok(tt_batch_from(tt_batch_data(b), &copy));
	expect(copy, "");
	tt_batch_free(copy);
	ck_ok(tt_batch_put(b, tt_str("a"), tt_str("1")));
	ck_ok(tt_batch_delete(b, tt_str("b")));
	ck_ok(tt_batch_patch(b, tt_str("p"), 70, tt_str("xy")));
	ck_ok(tt_batch_from(tt_batch_data(b), &copy));
	ck_assert_uint_eq(copy->n_merges, 1);
	ck_assert(!copy->needs_function);
	tt_batch_free(copy);
	ck_ok(tt_batch_merge(b, tt_str("m"), tt_str("more")));
	ck_ok(tt_batch_from(tt_batch_data(b), &copy));
	tt_batch_clear(b);
	expect(copy, "+a=1;-b=;~p=xy@70;*m=more;");
	ck_assert_uint_eq(tt_batch_count(copy), 4);
	ck_assert_uint_eq(copy->n_merges, 2);
	ck_assert(copy->needs_function);
	/* It goes on like any other. */
	ck_ok(tt_batch_put(copy, tt_str("c"), SLICE_EMPTY));
	expect(copy, "+a=1;-b=;~p=xy@70;*m=more;+c=;");
	tt_batch_free(copy);
}
END_TEST

/* The numbers are for ever: what an older version has stored. */
START_TEST(the_encoded_form_stays_what_it_is)
{
	static const uint8_t stored[] = { 3, 0, 0,   0, 0, 1,	'a', 1, '1',
					  1, 1, 'b', 0, 2, 'c', 'd', 0 };
	struct tt_slice data = { stored, sizeof(stored) };
	struct tt_batch *batch;

	ck_ok(tt_batch_from(data, &batch));
	expect(batch, "+a=1;-b=;+cd=;");
	ck_assert(slice_eq(tt_batch_data(batch), data));
	tt_batch_free(batch);
}
END_TEST

START_TEST(bytes_that_are_no_batch_are_refused)
{
	static const uint8_t no_ops[] = { 0, 0, 0, 0 };
	static const uint8_t private_kind[] = { 1, 0, 0, 0, 200, 1, 'k', 0 };
	static const uint8_t merges_none[] = { 1, 0, 0, 0, 2, 1, 'k', 0 };
	struct tt_batch *batch = NULL;
	struct rng rng;

	ck_err(tt_batch_from(SLICE(no_ops, 4), &batch), TT_ECORRUPT);
	ck_err(tt_batch_from(SLICE(private_kind, 8), &batch), TT_ECORRUPT);
	ck_err(tt_batch_from(SLICE(merges_none, 8), &batch), TT_ECORRUPT);
	ck_err(tt_batch_from(SLICE(no_ops, TT_BATCH_MAX + 1ul), &batch),
	       TT_ETOOBIG);
	ck_ok(tt_batch_put(b, tt_str("alpha"), tt_str("one")));
	ck_ok(tt_batch_delete(b, tt_str("beta")));
	ck_ok(tt_batch_patch(b, tt_str("p"), 70, tt_str("xy")));
	for (size_t n = 1; n < tt_batch_bytes(b); n++)
		ck_err(tt_batch_from(SLICE(b->data.data, n), &batch),
		       TT_ECORRUPT);
	ck_assert_ptr_null(batch);
	test_rng(&rng);
	for (int i = 0; i < 20000; i++) {
		size_t at = (size_t)rng_below(&rng, b->data.len);
		uint8_t was = b->data.data[at];
		int r;

		b->data.data[at] = (uint8_t)rng_next(&rng);
		r = tt_batch_from(tt_batch_data(b), &batch);
		b->data.data[at] = was;
		ck_assert(r == 0 || r == TT_ECORRUPT);
		if (r == 0)
			tt_batch_free(batch);
	}
}
END_TEST

START_TEST(batches_are_joined)
{
	struct tt_batch *other = tt_batch_new();

	ck_assert_ptr_nonnull(other);
	ck_ok(tt_batch_append(b, other));
	expect(b, "");
	ck_ok(tt_batch_put(other, tt_str("x"), tt_str("1")));
	ck_ok(tt_batch_append(b, other));
	ck_ok(tt_batch_delete(other, tt_str("y")));
	ck_ok(tt_batch_append(b, other));
	expect(b, "+x=1;+x=1;-y=;");
	ck_ok(tt_batch_append(b, b));
	expect(b, "+x=1;+x=1;-y=;+x=1;+x=1;-y=;");
	ck_assert_uint_eq(tt_batch_count(b), 6);
	expect(other, "+x=1;-y=;");
	tt_batch_free(other);
}
END_TEST

START_TEST(a_join_over_the_limit_changes_nothing)
{
	size_t len = TT_VALUE_MAX / 2 + 100;
	char *big = calloc(1, len);

	ck_assert_ptr_nonnull(big);
	ck_ok(tt_batch_put(b, tt_str("k"), SLICE(big, len)));
	free(big);
	len = tt_batch_bytes(b);
	ck_err(tt_batch_append(b, b), TT_ETOOBIG);
	ck_assert_uint_eq(tt_batch_bytes(b), len);
	ck_assert_uint_eq(tt_batch_count(b), 1);
}
END_TEST

START_TEST(savepoints_nest)
{
	ck_assert_int_eq(tt_batch_rollback(b), TT_NOTFOUND);
	ck_assert_int_eq(tt_batch_drop_savepoint(b), TT_NOTFOUND);
	ck_ok(tt_batch_savepoint(b)); /* before anything */
	ck_ok(tt_batch_put(b, tt_str("a"), tt_str("1")));
	ck_ok(tt_batch_savepoint(b));
	ck_ok(tt_batch_delete(b, tt_str("b")));
	ck_ok(tt_batch_savepoint(b));
	ck_ok(tt_batch_append(b, b));
	expect(b, "+a=1;-b=;+a=1;-b=;");
	ck_ok(tt_batch_rollback(b));
	expect(b, "+a=1;-b=;");
	ck_ok(tt_batch_savepoint(b));
	ck_ok(tt_batch_put(b, tt_str("c"), tt_str("2")));
	ck_ok(tt_batch_drop_savepoint(b));
	expect(b, "+a=1;-b=;+c=2;");
	ck_ok(tt_batch_rollback(b));
	expect(b, "+a=1;");
	ck_ok(tt_batch_rollback(b));
	expect(b, "");
	ck_assert_int_eq(tt_batch_rollback(b), TT_NOTFOUND);
	ck_ok(tt_batch_put(b, tt_str("d"), tt_str("3")));
	ck_ok(tt_batch_savepoint(b));
	tt_batch_clear(b);
	ck_assert_int_eq(tt_batch_rollback(b), TT_NOTFOUND);
	ck_ok(tt_batch_put(b, tt_str("e"), tt_str("4")));
	expect(b, "+e=4;");
}
END_TEST

START_TEST(every_truncation_is_refused)
{
	ck_ok(tt_batch_put(b, tt_str("alpha"), tt_str("one")));
	ck_ok(tt_batch_delete(b, tt_str("beta")));
	for (size_t n = 0; n < tt_batch_bytes(b); n++) {
		/* A copy of its own, so that a sanitizer sees overreading. */
		void *p = malloc(n ? n : 1);

		memcpy(p, batch_encoded(b).data, n);
		ck_err(batch_verify(SLICE(p, n)), TT_ECORRUPT);
		free(p);
	}
}
END_TEST

START_TEST(mutations_never_harm_the_decoder)
{
	struct rng rng;

	test_rng(&rng);
	for (int i = 0; i < 20; i++) {
		char key[8];

		snprintf(key, sizeof(key), "key%d", i);
		ck_ok(tt_batch_put(b, tt_str(key), tt_str("some value")));
	}
	for (uint64_t i = 0; i < test_scale(20000); i++) {
		size_t n = rng_range(&rng, 1, tt_batch_bytes(b));
		uint8_t *p = malloc(n);
		int r;

		memcpy(p, batch_encoded(b).data, n);
		for (uint64_t k = rng_range(&rng, 1, 4); k; k--)
			p[rng_below(&rng, n)] = (uint8_t)rng_next(&rng);
		r = batch_verify(SLICE(p, n));
		ck_assert(r == 0 || r == TT_ECORRUPT);
		free(p);
	}
}
END_TEST

static Suite *batch_suite(void)
{
	Suite *s = suite_create("batch");
	TCase *t = tcase_create("batch");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, operations_come_back_in_order);
	tcase_add_test(t, each_hands_through_what_ends_it);
	tcase_add_test(t, limits_refuse_and_leave_the_batch_alone);
	tcase_add_test(t, one_operation_encodes_as_a_batch_of_one);
	tcase_add_test(t, a_batch_comes_back_from_its_bytes);
	tcase_add_test(t, the_encoded_form_stays_what_it_is);
	tcase_add_test(t, bytes_that_are_no_batch_are_refused);
	tcase_add_test(t, batches_are_joined);
	tcase_add_test(t, a_join_over_the_limit_changes_nothing);
	tcase_add_test(t, savepoints_nest);
	tcase_add_test(t, every_truncation_is_refused);
	tcase_add_test(t, mutations_never_harm_the_decoder);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(batch_suite)
