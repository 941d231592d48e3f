/* SPDX-License-Identifier: MIT */
/*
 * Compactions of random histories with range deletions: whatever a snapshot
 * could read before, it must read the same afterwards; tables stay within
 * their bounds; and nothing stays that nobody can read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/env.h"
#include "lsm/compact_pick.h"
#include "lsm/compact_run.h"
#include "lsm/gc.h"
#include "lsm/guards.h"
#include "lsm/merge_iter.h"
#include "lsm/options.h"
#include "lsm/range_list.h"
#include "lsm/run_iter.h"
#include "lsm/snapshot.h"
#include "lsm/sst_ranges.h"
#include "lsm/version_edit.h"
#include "support/check_main.h"
#include "support/prng.h"
#include "support/tmpdir.h"

#define N_KEYS 60
#define N_RUNS 4
#define N_MOST 2000
/* After all that there is. */
#define HORIZON 1000000

static char *dir;
static struct table_cache *tables;
static struct gc *gc;
static struct version_builder builder;
static struct picker picker;
static uint64_t next_file;
static struct rng rng;
static char key_names[N_KEYS][16];
/* Where the window of history begins, and from when on it is whole. */
static int64_t keep_from, complete_from;

static void nothing(void *arg)
{
	(void)arg;
}

static uint64_t new_file_no(void *arg)
{
	(void)arg;
	return next_file++;
}

static void setup(void)
{
	struct table_cache_options o = { env_posix(), NULL, 1 << 20, 16 };
	struct db_config c = {
		.memtable_bytes = 1,
		.table_bytes = 1 << 20,
		.level_ratio = 10,
		.l0_trigger = 1,
	};

	dir = tmpdir_new();
	ck_assert_int_eq(mkdir(tmpdir_path(dir, "sst"), 0755), 0);
	o.dir = strdup(tmpdir_path(dir, "sst"));
	ck_ok(table_cache_new(&o, &tables));
	ck_ok(gc_new(env_posix(), dir, tables, NULL, nothing, NULL, &gc));
	free((void *)o.dir);
	version_builder_init(&builder);
	picker_init(&picker, &c);
	next_file = 1;
	test_rng(&rng);
	keep_from = HORIZON;
	complete_from = 0;
	for (int i = 0; i < N_KEYS; i++)
		snprintf(key_names[i], sizeof(key_names[i]), "key%04d", i);
}

static void teardown(void)
{
	picker_fini(&picker);
	version_builder_fini(&builder);
	gc_free(gc);
	table_cache_free(tables);
	tmpdir_free(dir);
}

static struct sst_output_options output_options(unsigned level, uint64_t group,
						size_t table_bytes)
{
	return (struct sst_output_options){
		.env = env_posix(),
		.dir = dir,
		.table = { CODEC_NONE, 256, 10 },
		.table_bytes = table_bytes,
		.level = level,
		.group = group,
		.new_file_no = new_file_no,
	};
}

/* ---- a history and what can be read of it ------------------------------ */

struct entry {
	int key;
	int64_t ts;
	uint8_t kind;
	int end;	/* of a range; N_KEYS: none */
	unsigned place; /* 0: the deepest run; N_RUNS - 1: the newest */
};

struct history {
	struct entry e[N_MOST];
	size_t n;
	/* read back from tables: what their lists say */
	struct range_list ranges;
};

static struct tt_slice key_of(int key)
{
	return key == N_KEYS ? SLICE_EMPTY : slice_str(key_names[key]);
}

/* In internal order. */
static int entry_cmp(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	if (a->ts != b->ts)
		return a->ts > b->ts ? -1 : 1;
	return a->kind - b->kind;
}

/* Rising timestamps; later runs hold newer entries. A range and a value may
 * stem from one batch: then they have one timestamp, and maybe one key. */
static void make_history(struct history *h, size_t n, unsigned one_in)
{
	h->n = n;
	for (size_t i = 0; i < n; i++) {
		struct entry *e = &h->e[i];
		bool with_last = i && h->e[i - 1].kind == RECORD_RANGE &&
				 i * N_RUNS / n == (i - 1) * N_RUNS / n &&
				 rng_one_in(&rng, 2);

		*e = (struct entry){
			.key = (int)rng_below(&rng, N_KEYS),
			.ts = (int64_t)(10 * (i + 1)),
			.kind = rng_one_in(&rng, 3) ? RECORD_TOMBSTONE
						    : RECORD_VALUE,
			.place = (unsigned)(i * N_RUNS / n),
		};
		if (with_last) {
			e->ts = h->e[i - 1].ts;
			e->key = rng_one_in(&rng, 2) ? h->e[i - 1].key : e->key;
		} else if (rng_one_in(&rng, one_in)) {
			int width = 1 + (int)rng_below(&rng, rng_one_in(&rng, 4)
								     ? N_KEYS
								     : 8);

			e->kind = RECORD_RANGE;
			e->end = MIN_OF(e->key + width, N_KEYS);
		}
	}
	qsort(h->e, n, sizeof(h->e[0]), entry_cmp);
}

/* When the newest range up to `as_of` deleted the key. */
static int64_t range_at(const struct history *h, int key, int64_t as_of)
{
	int64_t ts = RANGE_NONE;

	for (size_t i = 0; i < h->n; i++) {
		const struct entry *e = &h->e[i];

		if (e->kind == RECORD_RANGE && e->ts <= as_of &&
		    e->key <= key && key < e->end && e->ts > ts)
			ts = e->ts;
	}
	for (size_t i = 0; i < h->ranges.n; i++) {
		const struct range_del *d = &h->ranges.dels[i];

		if (d->ts <= as_of && d->ts > ts &&
		    range_del_has(d, key_of(key)))
			ts = d->ts;
	}
	return ts;
}

/* The timestamp of the value that `as_of` reads, 0: none. */
static int64_t model_read(const struct history *h, int key, int64_t as_of)
{
	int64_t deleted = range_at(h, key, as_of);

	for (size_t i = 0; i < h->n; i++) {
		const struct entry *e = &h->e[i];

		if (e->kind == RECORD_RANGE || e->key != key || e->ts > as_of)
			continue;
		return e->kind == RECORD_VALUE && e->ts >= deleted ? e->ts : 0;
	}
	return 0;
}

static void add_tables(const struct version_edit *edit)
{
	for (size_t i = 0; i < edit->n_added; i++) {
		struct table *t;

		ck_ok(table_new(gc, &edit->added[i], &t));
		ck_ok(version_builder_add(&builder, t, edit->added[i].level,
					  edit->added[i].group));
		table_unref(t);
	}
}

/* Writes the entries of one place as a run, as a flush would. */
static void write_run(const struct history *h, unsigned place, unsigned level)
{
	struct sst_output_options o = output_options(level, place, 2000);
	int64_t all[N_MOST];
	struct retained_times times = { all, 0, 0 };
	struct version_edit edit;
	struct range_list ranges;
	struct sst_output *out;

	/* Somebody reads at every moment. */
	for (size_t i = 0; i < h->n; i++)
		all[times.n++] = (int64_t)(10 * (i + 1));
	range_list_init(&ranges);
	for (size_t i = 0; i < h->n; i++) {
		const struct entry *e = &h->e[i];
		struct range_del d = { key_of(e->key), key_of(e->end), e->ts };

		if (e->place == place && e->kind == RECORD_RANGE)
			ck_ok(range_list_add(&ranges, &d));
	}
	ck_ok(range_list_reduce(&ranges, &times));
	version_edit_init(&edit);
	ck_ok(sst_output_new(&o, &edit, &out));
	sst_output_set_ranges(out, ranges.dels, ranges.n);
	for (size_t i = 0; i < h->n; i++) {
		struct record rec = { .key = key_of(h->e[i].key),
				      .ts = h->e[i].ts,
				      .kind = h->e[i].kind };

		if (h->e[i].place != place || rec.kind == RECORD_RANGE)
			continue;
		if (rec.kind == RECORD_VALUE)
			rec.value = slice_str("some value of some length");
		ck_ok(sst_output_add(out, &rec));
	}
	ck_ok(sst_output_finish(out));
	sst_output_free(out);
	range_list_fini(&ranges);
	add_tables(&edit);
	version_edit_fini(&edit);
}

/* ---- reading back -------------------------------------------------------- */

/* The list of a table: within its bounds, and as the manifest says. */
static void read_ranges(struct table *t, struct history *h)
{
	const struct sst_ranges *ranges;
	struct sst_reader *reader;

	ck_ok(table_pin(tables, &t->slot, &reader));
	ck_ok(sst_verify(reader, NULL, NULL));
	ranges = sst_ranges_of(reader);
	ck_assert_uint_eq(ranges->n, t->desc.n_ranges);
	for (uint32_t i = 0; i < ranges->n; i++) {
		struct range_del d;

		sst_ranges_at(ranges, i, &d);
		ck_assert_int_ge(key_cmp(d.start, t->desc.min_key), 0);
		if (d.end.len == 0)
			ck_assert(key_is_largest(t->desc.max_key));
		else if (key_cmp(t->desc.max_key, d.end) < 0) /* K and K\0 */
			ck_assert(!t->desc.max_is_open &&
				  d.end.len == t->desc.max_key.len + 1 &&
				  slice_bytes(d.end)[d.end.len - 1] == 0);
		ck_ok(range_list_add(&h->ranges, &d));
	}
	table_unpin(reader);
}

static void read_run(const struct run *run, struct history *h)
{
	struct rec_iter *it;
	int r;

	for (uint32_t i = 0; i < run->n; i++)
		read_ranges(run->tables[i], h);
	ck_ok(run_iter_new(run, 0, run->n, tables, NULL, 0, &it));
	for (r = rec_iter_first(it); r == 0; r = rec_iter_next(it)) {
		struct entry *e = &h->e[h->n++];

		ck_assert_uint_le(h->n, N_MOST);
		if (it->rec.kind == RECORD_RANGE) {
			h->n--;
			continue;
		}
		e->key = (int)strtol((const char *)it->rec.key.data + 3, NULL,
				     10);
		e->ts = it->rec.ts;
		e->kind = it->rec.kind;
	}
	ck_assert_int_eq(r, TT_END);
	rec_iter_free(it);
}

static void read_all(const struct version *v, struct history *h)
{
	h->n = 0;
	range_list_init(&h->ranges);
	for (uint32_t i = 0; i < v->n_runs; i++)
		read_run(&v->runs[i], h);
	qsort(h->e, h->n, sizeof(h->e[0]), entry_cmp);
}

static struct version *compacted(struct version *v, struct compact_pick *pick,
				 int64_t *snapshots, size_t n_snapshots)
{
	int64_t now = HORIZON;
	static const struct merge_function no_merges;
	const struct retained_times times = {
		.ts = n_snapshots ? snapshots : &now,
		.n = n_snapshots ? n_snapshots : 1,
		.keep_from = keep_from,
	};
	struct compact_job job = {
		.pick = pick,
		.tables = tables,
		.output = output_options(0, 0, 1 + rng_below(&rng, 3000)),
		.times = &times,
		.merge = &no_merges,
	};
	struct compact_result result;
	struct version_edit edit;
	struct version *out;

	version_edit_init(&edit);
	ck_ok(compact_run(&job, &edit, &result));
	if (edit.has_complete_from)
		complete_from = MAX_OF(complete_from, edit.complete_from);
	ck_assert_int_le(complete_from, keep_from);
	ck_ok(version_builder_add_version(&builder, v));
	for (size_t i = 0; i < edit.n_dropped; i++)
		table_unref(version_builder_remove(&builder, edit.dropped[i]));
	add_tables(&edit);
	ck_assert_uint_le(result.records_out, result.records_in);
	version_edit_fini(&edit);
	/* Fails when two tables of the new run share a key. */
	ck_ok(version_builder_finish(&builder, &out));
	return out;
}

static void check_same(const struct history *a, const struct history *b,
		       int64_t as_of)
{
	for (int key = 0; key < N_KEYS; key++)
		ck_assert_int_eq(model_read(a, key, as_of),
				 model_read(b, key, as_of));
}

static struct history *history_new(void)
{
	struct history *h = calloc(1, sizeof(*h));

	ck_assert_ptr_nonnull(h);
	range_list_init(&h->ranges);
	return h;
}

static void history_free(struct history *h)
{
	range_list_fini(&h->ranges);
	free(h);
}

/* Everything goes down, in as many compactions as that takes. */
START_TEST(compactions_change_nothing_that_can_be_read)
{
	for (uint64_t round = 0; round < test_scale(60); round++) {
		struct history *before = history_new();
		int64_t moments[5];
		size_t n_moments = rng_below(&rng, 5);
		size_t n = 50 + rng_below(&rng, 300);
		unsigned deepest = LAST_LEVEL - (unsigned)rng_below(&rng, 2);
		struct compact_pick pick;
		struct version *v;
		int64_t at = 0;

		picker.base_bytes = rng_below(&rng, 2) ? 1 : 1 << 30;
		make_history(before, n, 2 + (unsigned)rng_below(&rng, 10));
		for (unsigned p = 0; p < N_RUNS; p++)
			write_run(before, p,
				  p == 0   ? deepest
				  : p == 1 ? deepest - 2
					   : 0);
		for (size_t i = 0; i < n_moments; i++)
			moments[i] = at +=
				(int64_t)rng_below(&rng, 10 * n / n_moments);
		moments[n_moments] = HORIZON;
		complete_from = 0;
		keep_from = rng_one_in(&rng, 3)
				    ? (int64_t)rng_below(&rng, 10 * n)
				    : moments[n_moments];
		ck_ok(version_builder_finish(&builder, &v));
		for (int i = 0;
		     i < 6 && compact_pick_range(&picker, v, SLICE_EMPTY,
						 SLICE_EMPTY, &pick) == 1;
		     i++) {
			struct history *after = history_new();
			struct version *w = v;

			if (!pick.is_move) {
				w = compacted(v, &pick, moments, n_moments + 1);
				version_unref(v);
			}
			read_all(w, after);
			for (size_t k = 0; k <= n_moments; k++)
				check_same(before, after, moments[k]);
			for (int k = 0; k < 5; k++)
				check_same(before, after,
					   complete_from +
						   (int64_t)rng_below(&rng,
								      5 * n));
			compact_pick_fini(&pick);
			history_free(after);
			if (w == v)
				break;
			v = w;
		}
		version_unref(v);
		history_free(before);
	}
}
END_TEST

START_TEST(nothing_stays_that_nobody_can_read)
{
	struct history *h = history_new(), *after = history_new();
	struct compact_pick pick;
	struct version *v, *w;
	size_t live = 0;

	picker.base_bytes = 1 << 30; /* level 0 goes to the last level */
	make_history(h, 600, 12);
	for (unsigned p = 0; p < N_RUNS; p++)
		write_run(h, p, p ? 0 : LAST_LEVEL);
	for (int key = 0; key < N_KEYS; key++)
		live += model_read(h, key, INT64_MAX) != 0;
	ck_ok(version_builder_finish(&builder, &v));
	ck_assert_int_eq(compact_pick_range(&picker, v, SLICE_EMPTY,
					    SLICE_EMPTY, &pick),
			 1);
	w = compacted(v, &pick, NULL, 0);
	read_all(w, after);
	ck_assert_uint_eq(after->n, live);
	ck_assert_uint_eq(after->ranges.n, 0);
	compact_pick_fini(&pick);
	version_unref(v);
	version_unref(w);
	history_free(h);
	history_free(after);
}
END_TEST

/* A range of the upper level, over tables of the last one. */
static struct version *range_over(int from, int to, int lower, int upper)
{
	struct history *h = history_new();
	struct version *v;

	for (int i = from; i < to; i++)
		h->e[h->n++] = (struct entry){ .key = i, .ts = 1, .place = 0 };
	h->e[h->n++] = (struct entry){ .key = lower,
				       .ts = 100,
				       .kind = RECORD_RANGE,
				       .end = upper,
				       .place = 1 };
	write_run(h, 0, LAST_LEVEL);
	write_run(h, 1, LAST_LEVEL - 2);
	ck_ok(version_builder_finish(&builder, &v));
	history_free(h);
	return v;
}

static void pick_upper(struct version *v, struct compact_pick *pick)
{
	*pick = (struct compact_pick){
		.version = version_ref(v),
		.level = LAST_LEVEL - 2,
		.out_level = LAST_LEVEL - 1,
		.parts = malloc(sizeof(*pick->parts)),
		.n_parts = 1,
	};
	pick->parts[0] =
		(struct run_part){ version_level(v, LAST_LEVEL - 2), 0, 1 };
}

START_TEST(a_range_is_kept_only_where_something_lies_below)
{
	struct history *after = history_new();
	struct version *v = range_over(20, 30, 10, 50), *w;
	struct compact_pick pick;
	struct range_del d;

	pick_upper(v, &pick);
	w = compacted(v, &pick, NULL, 0);
	read_all(w, after);
	ck_assert_uint_eq(after->ranges.n, 1);
	d = after->ranges.dels[0];
	ck_assert(slice_eq(d.start, key_of(20)));
	ck_assert(range_del_has(&d, key_of(29)) &&
		  !range_del_has(&d, key_of(30)));
	compact_pick_fini(&pick);
	version_unref(v);
	version_unref(w);
	history_free(after);
}
END_TEST

START_TEST(a_range_over_nothing_goes)
{
	struct history *after = history_new();
	struct version *v = range_over(20, 30, 30, N_KEYS), *w;
	struct compact_pick pick;

	pick_upper(v, &pick);
	w = compacted(v, &pick, NULL, 0);
	read_all(w, after);
	ck_assert_uint_eq(after->ranges.n, 0);
	ck_assert_ptr_null(version_level(w, LAST_LEVEL - 1));
	compact_pick_fini(&pick);
	version_unref(v);
	version_unref(w);
	history_free(after);
}
END_TEST

/* Level 0 can be compacted in pieces whatever is deleted. */
START_TEST(a_range_is_cut_at_guards)
{
	struct sst_output_options o = output_options(0, 1, 1 << 20);
	const struct range_del d = { key_of(5), SLICE_EMPTY, 7 };
	struct guards guards = GUARDS_INIT;
	struct version_edit edit;
	struct sst_output *out;
	struct record rec = { .key = key_of(30), .ts = 9 };

	for (size_t i = 0; i < 4; i++)
		ck_ok(buf_set(&guards.keys[guards.n++],
			      key_of((int)(10 * i) + 1)));
	o.guards = &guards;
	version_edit_init(&edit);
	ck_ok(sst_output_new(&o, &edit, &out));
	sst_output_set_ranges(out, &d, 1);
	ck_ok(sst_output_add(out, &rec));
	ck_ok(sst_output_finish(out));
	sst_output_free(out);
	/* From 5, 11, 21 and 31 on; nothing lies before 1. */
	ck_assert_uint_eq(edit.n_added, 4);
	for (size_t i = 0; i < 4; i++) {
		const struct table_desc *t = &edit.added[i];

		ck_assert(slice_eq(t->min_key,
				   key_of(i ? (int)(10 * i) + 1 : 5)));
		ck_assert_uint_eq(t->n_ranges, 1);
		if (i == 3)
			ck_assert(key_is_largest(t->max_key));
		else
			ck_assert(t->max_is_open &&
				  slice_eq(t->max_key,
					   key_of((int)(10 * i) + 11)));
	}
	version_edit_fini(&edit);
	guards_fini(&guards);
}
END_TEST

/* ---- bounds ------------------------------------------------------------- */

static void add_table(uint64_t no, const char *min, struct tt_slice max,
		      bool is_open)
{
	struct table_desc d = { .file_no = no,
				.min_key = tt_str(min),
				.max_key = max,
				.max_is_open = is_open,
				.n_ranges = 1,
				.level = 3 };
	struct table *t;

	ck_ok(table_new(gc, &d, &t));
	ck_ok(version_builder_add(&builder, t, 3, 0));
	table_unref(t);
}

START_TEST(a_run_finds_the_table_behind_an_open_end)
{
	struct version *v;
	const struct run *run;
	uint32_t from, to;

	add_table(1, "b", tt_str("d"), true);
	add_table(2, "d", tt_str("f"), false);
	add_table(3, "h", KEY_LARGEST, false);
	ck_ok(version_builder_finish(&builder, &v));
	run = version_level(v, 3);
	ck_assert_uint_eq(run_find(run, tt_str("a")), 0);
	ck_assert_uint_eq(run_find(run, tt_str("czz")), 0);
	ck_assert_uint_eq(run_find(run, tt_str("d")), 1);
	ck_assert_uint_eq(run_find(run, tt_str("f")), 1);
	ck_assert_uint_eq(run_find(run, tt_str("f0")), 2);
	ck_assert_uint_eq(run_find(run, tt_str("\xff\xff\xff")), 2);
	run_overlap(run, tt_str("d"), tt_str("g"), &from, &to);
	ck_assert(from == 1 && to == 2);
	run_overlap_range(run, tt_str("a"), tt_str("d"), &from, &to);
	ck_assert(from == 0 && to == 1);
	run_overlap_range(run, tt_str("g"), SLICE_EMPTY, &from, &to);
	ck_assert(from == 2 && to == 3);
	version_unref(v);
	/* The end is the next one's if that is not open. */
	add_table(1, "b", tt_str("d"), false);
	add_table(2, "d", tt_str("f"), false);
	ck_err(version_builder_finish(&builder, &v), TT_ECORRUPT);
	add_table(1, "b", KEY_LARGEST, false);
	add_table(2, "d", tt_str("f"), false);
	ck_err(version_builder_finish(&builder, &v), TT_ECORRUPT);
}
END_TEST

START_TEST(an_edit_keeps_what_it_says_about_ranges)
{
	struct table_desc d = { .file_no = 7,
				.level = 2,
				.n_records = 9,
				.min_key = tt_str("a"),
				.max_key = tt_str("k") };
	struct version_edit e, back;
	struct buf text = BUF_INIT;

	version_edit_init(&e);
	ck_ok(version_edit_add(&e, &d));
	d.n_ranges = 4;
	d.max_is_open = true;
	ck_ok(version_edit_add(&e, &d));
	d.max_is_open = false;
	d.max_key = KEY_LARGEST;
	ck_ok(version_edit_add(&e, &d));
	ck_ok(version_edit_encode(&e, &text));
	ck_assert_uint_lt(text.len, 100);
	version_edit_init(&back);
	ck_ok(version_edit_decode(&back, buf_slice(&text)));
	ck_assert_uint_eq(back.n_added, 3);
	ck_assert_uint_eq(back.added[0].n_ranges, 0);
	ck_assert_uint_eq(back.added[1].n_ranges, 4);
	ck_assert(back.added[1].max_is_open);
	ck_assert(slice_eq(back.added[1].max_key, tt_str("k")));
	ck_assert(key_is_largest(back.added[2].max_key));
	ck_assert(!back.added[2].max_is_open);
	version_edit_fini(&back);
	version_edit_fini(&e);
	/* By itself, it says nothing about anything. */
	version_edit_init(&back);
	ck_err(version_edit_decode(&back, tt_str("\x08\x01\x01")), TT_ECORRUPT);
	version_edit_fini(&back);
	buf_fini(&text);
}
END_TEST

static Suite *compact_ranges_suite(void)
{
	Suite *s = suite_create("compact_ranges");
	TCase *t = tcase_create("ranges");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, compactions_change_nothing_that_can_be_read);
	tcase_add_test(t, nothing_stays_that_nobody_can_read);
	tcase_add_test(t, a_range_is_kept_only_where_something_lies_below);
	tcase_add_test(t, a_range_over_nothing_goes);
	tcase_add_test(t, a_range_is_cut_at_guards);
	tcase_add_test(t, a_run_finds_the_table_behind_an_open_end);
	tcase_add_test(t, an_edit_keeps_what_it_says_about_ranges);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(compact_ranges_suite)
