/* SPDX-License-Identifier: MIT */
/*
 * Merge records: chains against plain application of the same operands, what
 * flush and compaction make of them, batches that write a key several times,
 * and what users see of all that.
 */
#include <stdlib.h>
#include <string.h>

#include "lsm/batch.h"
#include "lsm/batch_fold.h"
#include "lsm/merge_chain.h"
#include "lsm/operand.h"
#include "lsm/record.h"
#include "lsm/snapshot.h"
#include "lsm/version_filter.h"
#include "support/check_main.h"
#include "support/prng.h"
#include "support/tmpdir.h"

#define VALUE_MOST 64

static struct rng rng;

/* Values are all bytes so far, then "(", the operands, ")". */
static int join(void *arg, struct tt_slice key, const struct tt_slice *base,
		const struct tt_slice *operands, size_t n,
		struct tt_merge_result *result)
{
	int r = base ? tt_merge_emit(result, *base) : 0;

	(void)key;
	if (arg && *(bool *)arg)
		return -EDOM;
	for (size_t i = 0; i < n && r == 0; i++)
		r = tt_merge_emit(result, operands[i]);
	return r;
}

static bool is_failing;
static const struct merge_function joining = { join, &is_failing };
static const struct merge_function missing;

static void setup(void)
{
	test_rng(&rng);
	is_failing = false;
}

/* ---- chains ----------------------------------------------------------- */

struct plain {
	bool is_live;
	size_t len;
	uint8_t bytes[16 * VALUE_MOST];
};

static void plain_apply(struct plain *v, const struct operand *op)
{
	size_t at = op->type == OPERAND_PATCH ? op->offset : v->len;
	size_t end = at + op->bytes.len;

	if (!v->is_live)
		v->len = 0;
	if (op->type == OPERAND_MERGE) {
		at = v->len;
		end = at + op->bytes.len;
	}
	v->is_live = true;
	if (end > v->len) {
		memset(v->bytes + v->len, 0, end - v->len);
		v->len = end;
	}
	if (op->bytes.len)
		memcpy(v->bytes + at, op->bytes.data, op->bytes.len);
}

static void plain_list(struct plain *v, struct tt_slice list)
{
	struct operand op;

	while (operand_take(&list, &op) == 0)
		plain_apply(v, &op);
}

static struct operand random_operand(uint8_t *mem)
{
	struct operand op = {
		.type = rng_one_in(&rng, 3) ? OPERAND_MERGE : OPERAND_PATCH,
		.offset = (uint32_t)rng_below(&rng, VALUE_MOST),
	};

	op.bytes =
		SLICE(mem, rng_below(&rng, op.type == OPERAND_MERGE
						   ? 5
						   : VALUE_MOST - op.offset));
	rng_fill(&rng, mem, op.bytes.len);
	return op;
}

static void random_list(struct buf *out)
{
	uint8_t mem[VALUE_MOST];
	size_t n = rng_range(&rng, 1, 3);

	buf_clear(out);
	for (size_t i = 0; i < n; i++) {
		struct operand op = random_operand(mem);

		ck_ok(operand_append(out, &op));
	}
}

static void check_resolved(struct merge_chain *c, const struct tt_slice *base,
			   const struct plain *want)
{
	struct buf got = BUF_INIT;

	ck_ok(merge_chain_resolve(c, tt_str("k"), base, &got));
	ck_assert_uint_eq(got.len, want->len);
	ck_assert(got.len == 0 || memcmp(got.data, want->bytes, got.len) == 0);
	buf_fini(&got);
}

START_TEST(a_chain_makes_what_its_operands_make_one_by_one)
{
	for (uint64_t round = 0; round < test_scale(2000); round++) {
		struct buf lists[6], fused = BUF_INIT;
		size_t n = rng_range(&rng, 1, 6);
		struct plain want = { .is_live = rng_one_in(&rng, 2) };
		struct plain start;
		struct tt_slice base;
		struct merge_chain c, again;

		want.len = want.is_live ? rng_below(&rng, VALUE_MOST) : 0;
		rng_fill(&rng, want.bytes, want.len);
		start = want;
		base = SLICE(start.bytes, start.len);
		merge_chain_init(&c, &joining);
		merge_chain_init(&again, &joining);
		for (size_t i = 0; i < n; i++) {
			buf_init(&lists[i]);
			random_list(&lists[i]);
			plain_list(&want, buf_slice(&lists[i]));
		}
		for (size_t i = n; i-- > 0;)
			ck_ok(merge_chain_push(&c, buf_slice(&lists[i])));
		check_resolved(&c, start.is_live ? &base : NULL, &want);
		/* Fused into one record it means the same. */
		ck_ok(merge_chain_fuse(&c, &fused));
		ck_ok(operands_check(buf_slice(&fused)));
		ck_ok(merge_chain_push(&again, buf_slice(&fused)));
		check_resolved(&again, start.is_live ? &base : NULL, &want);
		for (size_t i = 0; i < n; i++)
			buf_fini(&lists[i]);
		buf_fini(&fused);
		merge_chain_fini(&c);
		merge_chain_fini(&again);
	}
}
END_TEST

START_TEST(a_place_patched_often_is_kept_once)
{
	struct merge_chain c;
	struct buf list = BUF_INIT;
	char bytes[4096] = "newest";
	struct operand op = { OPERAND_PATCH, 1000,
			      SLICE(bytes, sizeof(bytes)) };

	merge_chain_init(&c, &missing);
	for (int i = 0; i < 1000; i++) {
		buf_clear(&list);
		op.offset = i % 2 ? 1000 : 1500;
		ck_ok(operand_append(&list, &op));
		ck_ok(merge_chain_push(&c, buf_slice(&list)));
	}
	ck_assert_uint_eq(c.bytes.len, 4096 + 500);
	ck_ok(merge_chain_fuse(&c, &list));
	ck_assert_uint_eq(list.len, OPERAND_OVERHEAD + 4096 + 500);
	buf_fini(&list);
	merge_chain_fini(&c);
}
END_TEST

START_TEST(hostile_operands_are_refused)
{
	struct buf list = BUF_INIT;
	struct merge_chain c;

	merge_chain_init(&c, &joining);
	ck_err(merge_chain_push(&c, SLICE_EMPTY), TT_ECORRUPT);
	for (uint64_t round = 0; round < test_scale(5000); round++) {
		uint8_t *copy;
		size_t n;

		random_list(&list);
		n = rng_below(&rng, list.len + 1);
		/* A copy of its own, so that a sanitizer sees overreading. */
		copy = malloc(n + 1);
		if (n)
			memcpy(copy, list.data, n);
		if (n)
			copy[rng_below(&rng, MIN_OF(n, (size_t)9))] =
				(uint8_t)rng_next(&rng);
		(void)operands_check(SLICE(copy, n));
		if (merge_chain_push(&c, SLICE(copy, n)) < 0)
			merge_chain_reset(&c);
		free(copy);
	}
	merge_chain_fini(&c);
	buf_fini(&list);
}
END_TEST

/* ---- flush and compaction --------------------------------------------- */

#define N_VERSIONS 12

struct version_copy {
	struct record rec;
	struct buf value;
};

/* Versions of one key, newest first. */
struct history {
	struct version_copy v[N_VERSIONS];
	size_t n;
};

static void history_add(struct history *h, int64_t ts, uint8_t kind,
			struct tt_slice value)
{
	struct version_copy *v = &h->v[h->n++];

	ck_assert_uint_le(h->n, N_VERSIONS);
	buf_init(&v->value);
	ck_ok(buf_append_slice(&v->value, value));
	v->rec = (struct record){ tt_str("key"), buf_slice(&v->value), ts,
				  kind };
}

static void history_fini(struct history *h)
{
	for (size_t i = 0; i < h->n; i++)
		buf_fini(&h->v[i].value);
	h->n = 0;
}

static void history_make(struct history *h)
{
	struct buf value = BUF_INIT;
	size_t n = rng_range(&rng, 1, N_VERSIONS);

	for (size_t i = 0; i < n; i++) {
		uint8_t kind = (uint8_t)rng_below(&rng, 5);

		kind = kind > RECORD_MERGE ? RECORD_MERGE : kind;
		buf_clear(&value);
		if (kind == RECORD_VALUE)
			ck_ok(buf_append_slice(&value, tt_str("value")));
		if (kind == RECORD_MERGE)
			random_list(&value);
		history_add(h, 10 * (int64_t)(n - i), kind, buf_slice(&value));
	}
	buf_fini(&value);
}

/* What a reader at `ts` sees, over `below` where the history is at its end. */
static struct plain history_read(const struct history *h, int64_t ts,
				 struct tt_slice below)
{
	struct plain v = { .is_live = below.len > 0, .len = below.len };
	size_t from = 0, end;

	if (below.len)
		memcpy(v.bytes, below.data, below.len);
	while (from < h->n && h->v[from].rec.ts > ts)
		from++;
	for (end = from; end < h->n && h->v[end].rec.kind == RECORD_MERGE;)
		end++;
	if (end < h->n) {
		const struct record *base = &h->v[end].rec;

		v.is_live = base->kind == RECORD_VALUE;
		v.len = base->value.len;
		if (v.len)
			memcpy(v.bytes, base->value.data, v.len);
	}
	while (end-- > from)
		plain_list(&v, h->v[end].rec.value);
	return v;
}

struct filtered {
	struct history out;
	int64_t complete_from;
	bool may_lie_below;
};

static int collect(void *arg, const struct record *rec, bool is_new_key)
{
	struct filtered *f = arg;

	ck_assert_int_eq(is_new_key, f->out.n == 0);
	ck_assert(f->out.n == 0 || f->out.v[f->out.n - 1].rec.ts > rec->ts);
	history_add(&f->out, rec->ts, rec->kind, rec->value);
	return 0;
}

static bool lies_below(void *arg, struct tt_slice key)
{
	(void)key;
	return ((struct filtered *)arg)->may_lie_below;
}

static void filter(const struct history *h, const struct retained_times *times,
		   struct filtered *f)
{
	static const struct version_filter_ops ops = {
		.emit = collect,
		.may_lie_below = lies_below,
	};
	struct version_filter vf;

	version_filter_init(&vf, &ops, f, times, &joining);
	for (size_t i = 0; i < h->n; i++)
		ck_ok(version_filter_add(&vf, &h->v[i].rec));
	ck_ok(version_filter_end(&vf));
	ck_assert_uint_eq(vf.n_out, f->out.n);
	f->complete_from = vf.complete_from;
	version_filter_fini(&vf);
}

static void check_same(const struct history *a, const struct history *b,
		       int64_t ts, struct tt_slice below)
{
	struct plain x = history_read(a, ts, below);
	struct plain y = history_read(b, ts, below);

	ck_assert_msg(x.is_live == y.is_live && x.len == y.len &&
			      (x.len == 0 ||
			       memcmp(x.bytes, y.bytes, x.len) == 0),
		      "at %lld: %d, %zu bytes before, %d, %zu bytes after",
		      (long long)ts, x.is_live, x.len, y.is_live, y.len);
}

START_TEST(rewriting_changes_nothing_that_can_be_read)
{
	for (uint64_t round = 0; round < test_scale(3000); round++) {
		struct history h = { .n = 0 };
		struct filtered f = { .may_lie_below = rng_one_in(&rng, 2) };
		struct tt_slice below =
			f.may_lie_below ? tt_str("below") : SLICE_EMPTY;
		int64_t moments[4], at = 0;
		struct retained_times times = { .ts = moments };

		is_failing = rng_one_in(&rng, 8);
		history_make(&h);
		while (times.n < 3 && rng_one_in(&rng, 2)) {
			at += (int64_t)rng_range(&rng, 1, 60);
			moments[times.n++] = at;
		}
		moments[times.n++] = 10 * N_VERSIONS + at;
		times.keep_from = rng_one_in(&rng, 2)
					  ? moments[times.n - 1]
					  : (int64_t)rng_below(&rng, 60);
		filter(&h, &times, &f);
		is_failing = false;
		ck_assert_int_le(f.complete_from, times.keep_from);
		for (int64_t t = MAX_OF(f.complete_from, 0);
		     t <= 10 * N_VERSIONS + 5; t += 5)
			check_same(&h, &f.out, t, below);
		for (size_t i = 0; i < times.n; i++)
			check_same(&h, &f.out, moments[i], below);
		check_same(&h, &f.out, INT64_MAX, below);
		ck_assert_uint_le(f.out.n, h.n);
		history_fini(&h);
		history_fini(&f.out);
	}
}
END_TEST

START_TEST(without_readers_one_record_is_left_of_a_key)
{
	int64_t now = 1000;
	const struct retained_times times = { &now, 1, now };

	for (uint64_t round = 0; round < test_scale(500); round++) {
		struct history h = { .n = 0 };
		struct filtered f = { .may_lie_below = rng_one_in(&rng, 2) };
		bool is_deleted;

		history_make(&h);
		is_deleted = h.v[0].rec.kind == RECORD_TOMBSTONE;
		filter(&h, &times, &f);
		ck_assert_uint_eq(f.out.n, !is_deleted || f.may_lie_below);
		if (f.out.n && !f.may_lie_below)
			ck_assert_int_eq(f.out.v[0].rec.kind, RECORD_VALUE);
		history_fini(&h);
		history_fini(&f.out);
	}
}
END_TEST

/* ---- batches ---------------------------------------------------------- */

static int find_op(void *arg, const struct tt_batch_op *op)
{
	struct tt_batch_op *out = arg;

	if (!slice_eq(op->key, tt_str("a")))
		return 0;
	ck_assert_ptr_null(out->key.data); /* one operation a key */
	*out = *op;
	return 0;
}

static struct tt_slice folded_a(struct tt_batch *b, struct tt_batch *out)
{
	struct tt_batch_op op = { .key = SLICE_EMPTY };

	ck_assert_int_eq(batch_fold(b, &joining, out), 1);
	ck_ok(tt_batch_each(out, find_op, &op));
	return op.value;
}

START_TEST(operations_on_one_key_fold_in_their_order)
{
	struct tt_batch b, out;

	batch_init(&b);
	batch_init(&out);
	ck_ok(tt_batch_patch(&b, tt_str("a"), 0, tt_str("lost")));
	ck_ok(tt_batch_merge(&b, tt_str("b"), tt_str("!")));
	ck_assert_int_eq(batch_fold(&b, &joining, &out), 0);
	ck_ok(tt_batch_put(&b, tt_str("a"), tt_str("base")));
	ck_assert_int_eq(batch_fold(&b, &joining, &out), 0);
	ck_ok(tt_batch_merge(&b, tt_str("a"), tt_str("+1")));
	ck_ok(tt_batch_patch(&b, tt_str("a"), 1, tt_str("AS")));
	ck_assert(slice_eq(folded_a(&b, &out), tt_str("bASe+1")));
	ck_assert_uint_eq(tt_batch_count(&out), 2);
	tt_batch_clear(&out);
	ck_ok(tt_batch_delete(&b, tt_str("a")));
	ck_ok(tt_batch_patch(&b, tt_str("a"), 2, tt_str("x")));
	ck_assert(slice_eq(folded_a(&b, &out), SLICE("\0\0x", 3)));
	tt_batch_clear(&out);
	ck_err(batch_fold(&b, &missing, &out), TT_EMERGE);
	batch_fini(&b);
	batch_fini(&out);
}
END_TEST

/* ---- stores ----------------------------------------------------------- */

static char *dir;

static struct tt *open_with(const char *name, int want)
{
	struct tt_options *o = tt_options_new();
	struct tt *db = NULL;
	int r;

	if (name)
		ck_ok(tt_options_set_merge(o, name, join, &is_failing));
	r = tt_open(tmpdir_path(dir, "store"), o, &db);
	ck_assert_msg(r == want, "open: %d (%s)", r, tt_error_text(r));
	tt_options_free(o);
	return db;
}

static void check_reads(struct tt *db, const char *key, const char *want)
{
	char got[64];
	size_t len;
	struct tt_pinned pin;

	ck_ok(tt_get(db, NULL, tt_str(key), got, sizeof(got), &len, NULL));
	ck_assert(slice_eq(SLICE(got, len), tt_str(want)));
	ck_ok(tt_get_pinned(db, NULL, tt_str(key), &pin));
	ck_assert(slice_eq(pin.value, tt_str(want)));
	tt_unpin(&pin);
}

START_TEST(patches_reach_values_wherever_those_are)
{
	struct tt *db;

	dir = tmpdir_new();
	db = open_with(NULL, 0);
	ck_ok(tt_put(db, NULL, tt_str("k"), tt_str("0123456789"), NULL));
	for (int i = 0; i < 3; i++) {
		ck_ok(tt_patch(db, NULL, tt_str("k"), 3, tt_str("abc"), NULL));
		check_reads(db, "k", "012abc6789");
		ck_ok(tt_flush(db));
		check_reads(db, "k", "012abc6789");
	}
	ck_ok(tt_patch(db, NULL, tt_str("k"), 9, tt_str("..."), NULL));
	ck_ok(tt_patch(db, NULL, tt_str("new"), 0, tt_str("n"), NULL));
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	check_reads(db, "k", "012abc678...");
	check_reads(db, "new", "n");
	ck_ok(tt_delete(db, NULL, tt_str("k"), NULL));
	ck_ok(tt_patch(db, NULL, tt_str("k"), 0, tt_str("again"), NULL));
	ck_ok(tt_close(db));
	db = open_with(NULL, 0);
	check_reads(db, "k", "again");
	ck_err(tt_patch(db, NULL, tt_str("k"), TT_VALUE_MAX, tt_str("x"), NULL),
	       TT_ETOOBIG);
	ck_err(tt_merge(db, NULL, tt_str("k"), tt_str("x"), NULL), TT_EMERGE);
	ck_ok(tt_close(db));
	tmpdir_free(dir);
}
END_TEST

START_TEST(a_store_remembers_its_merge_function)
{
	struct tt_iter *it;
	struct tt *db;

	dir = tmpdir_new();
	db = open_with("join", 0);
	ck_ok(tt_put(db, NULL, tt_str("k"), tt_str("a"), NULL));
	ck_ok(tt_merge(db, NULL, tt_str("k"), tt_str("b"), NULL));
	ck_ok(tt_flush(db));
	ck_ok(tt_merge(db, NULL, tt_str("k"), tt_str("c"), NULL));
	check_reads(db, "k", "abc");
	ck_ok(tt_close(db));
	ck_assert_ptr_null(open_with("other", TT_EOPTION));
	/* Without it everything else works, and nothing is lost. */
	db = open_with(NULL, 0);
	ck_err(tt_get(db, NULL, tt_str("k"), NULL, 0, NULL, NULL), TT_EMERGE);
	ck_ok(tt_iter_new(db, NULL, &it));
	ck_err(tt_iter_first(it), TT_EMERGE);
	ck_err(tt_iter_last(it), TT_EMERGE);
	tt_iter_free(it);
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	ck_ok(tt_close(db));
	db = open_with("join", 0);
	check_reads(db, "k", "abc");
	is_failing = true;
	ck_err(tt_get(db, NULL, tt_str("k"), NULL, 0, NULL, NULL), -EDOM);
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	is_failing = false;
	check_reads(db, "k", "abc");
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	check_reads(db, "k", "abc");
	ck_ok(tt_close(db));
	tmpdir_free(dir);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("merge");
	TCase *t = tcase_create("merge");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, a_chain_makes_what_its_operands_make_one_by_one);
	tcase_add_test(t, a_place_patched_often_is_kept_once);
	tcase_add_test(t, hostile_operands_are_refused);
	tcase_add_test(t, rewriting_changes_nothing_that_can_be_read);
	tcase_add_test(t, without_readers_one_record_is_left_of_a_key);
	tcase_add_test(t, operations_on_one_key_fold_in_their_order);
	tcase_add_test(t, patches_reach_values_wherever_those_are);
	tcase_add_test(t, a_store_remembers_its_merge_function);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
