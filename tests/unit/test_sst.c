/* SPDX-License-Identifier: MIT */
/* Tables: written, opened, read by key and by cursor, damaged, refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/env.h"
#include "base/err.h"
#include "lsm/block_cache.h"
#include "lsm/key_hash.h"
#include "lsm/sst_format.h"
#include "lsm/sst_index.h"
#include "lsm/sst_reader.h"
#include "lsm/sst_writer.h"
#include "support/check_main.h"
#include "support/fault_env.h"
#include "support/prng.h"
#include "support/sst_gen.h"
#include "support/tmpdir.h"
#include "ttrunks.h"

static char *dir;
static struct rng rng;
static struct sst_gen gen;

static void setup(void)
{
	dir = tmpdir_new();
	test_rng(&rng);
}

static void teardown(void)
{
	tmpdir_free(dir);
}

static void check_same(const struct record *got, const struct record *want)
{
	ck_assert(slice_eq(got->key, want->key));
	ck_assert(slice_eq(got->value, want->value));
	ck_assert_int_eq(got->ts, want->ts);
	ck_assert_uint_eq(got->kind, want->kind);
}

static void check_walks(struct sst_reader *r, struct block_cache *c,
			unsigned flags)
{
	struct rec_iter *it;
	int rc;

	ck_ok(sst_iter_new(r, c, flags, &it));
	rc = rec_iter_first(it);
	for (size_t i = 0; i < gen.n; i++) {
		ck_assert_int_eq(rc, 0);
		check_same(&it->rec, &gen.recs[i]);
		rc = rec_iter_next(it);
	}
	ck_assert_int_eq(rc, TT_END);
	rc = rec_iter_last(it);
	for (size_t i = gen.n; i > 0; i--) {
		ck_assert_int_eq(rc, 0);
		check_same(&it->rec, &gen.recs[i - 1]);
		rc = rec_iter_prev(it);
	}
	ck_assert_int_eq(rc, TT_END);
	rec_iter_free(it);
}

static void check_at(int rc, const struct rec_iter *it, size_t want)
{
	if (want >= gen.n) { /* SIZE_MAX: before the first */
		ck_assert_int_eq(rc, TT_END);
		return;
	}
	ck_assert_int_eq(rc, 0);
	check_same(&it->rec, &gen.recs[want]);
}

static void check_seeks(struct sst_reader *r, struct block_cache *c)
{
	struct rec_iter *it;
	uint8_t space[64];

	ck_ok(sst_iter_new(r, c, 0, &it));
	for (int i = 0; i < 3000; i++) {
		struct tt_slice key =
			sst_gen_probe(&gen, &rng, space, sizeof(space));
		int64_t ts = rng_one_in(&rng, 3)
				     ? TS_NEWEST
				     : 990000 + (int64_t)rng_below(&rng, 1e6);
		size_t at = sst_gen_seek(&gen, key, ts);
		bool exact = at < gen.n && slice_eq(gen.recs[at].key, key) &&
			     gen.recs[at].ts == ts;

		check_at(rec_iter_seek(it, key, ts), it, at);
		if (at + 1 < gen.n)
			check_at(rec_iter_next(it), it, at + 1);
		check_at(rec_iter_seek_for_prev(it, key, ts), it,
			 exact ? at : at - 1);
	}
	rec_iter_free(it);
}

static void check_gets(struct sst_reader *r, struct block_cache *c)
{
	uint8_t space[64];

	for (int i = 0; i < 3000; i++) {
		struct tt_slice key =
			sst_gen_probe(&gen, &rng, space, sizeof(space));
		int64_t ts = rng_one_in(&rng, 3)
				     ? TS_NEWEST
				     : 990000 + (int64_t)rng_below(&rng, 1e6);
		size_t at = sst_gen_seek(&gen, key, ts);
		struct sst_hit hit;
		int rc = sst_get(r, c, key, key_hash(key), ts,
				 rng_one_in(&rng, 4), &hit);

		if (at < gen.n && slice_eq(gen.recs[at].key, key)) {
			ck_assert_int_eq(rc, 0);
			check_same(&hit.rec, &gen.recs[at]);
			sst_hit_release(&hit);
			sst_hit_release(&hit);
		} else {
			ck_assert_int_eq(rc, TT_NOTFOUND);
		}
	}
}

static void check_info(struct sst_reader *r, const struct sst_meta *m)
{
	struct sst_info info;
	uint64_t n_tombstones = 0;

	for (size_t i = 0; i < gen.n; i++)
		n_tombstones += gen.recs[i].kind == RECORD_TOMBSTONE;
	sst_info(r, &info);
	ck_assert_uint_eq(info.n_records, gen.n);
	ck_assert_uint_eq(m->n_records, gen.n);
	ck_assert_uint_eq(info.n_tombstones, n_tombstones);
	ck_assert_uint_eq(m->n_tombstones, n_tombstones);
	ck_assert_uint_eq(info.file_bytes, m->file_bytes);
	ck_assert_int_eq(info.min_ts, m->min_ts);
	ck_assert_int_eq(info.max_ts, m->max_ts);
	ck_assert(slice_eq(info.min_key, gen.recs[0].key));
	ck_assert(slice_eq(info.max_key, gen.recs[gen.n - 1].key));
	ck_assert(slice_eq(buf_slice(&m->min_key), info.min_key));
	ck_assert(slice_eq(buf_slice(&m->max_key), info.max_key));
}

static void check_table(const struct sst_gen_shape *shape,
			const struct sst_writer_options *o)
{
	const char *path = tmpdir_path(dir, "t.sst");
	struct block_cache *c;
	struct sst_reader *r;
	struct sst_meta meta;

	sst_gen_make(&gen, &rng, shape);
	sst_gen_write(&gen, o, path, &meta);
	ck_ok(block_cache_new((size_t)1 << 20, &c));
	ck_ok(sst_open(env_posix(), path, 7, &r));
	check_info(r, &meta);
	ck_ok(sst_verify(r, NULL, NULL));
	check_walks(r, c, 0);
	check_walks(r, c, SST_ITER_NO_FILL);
	check_walks(r, NULL, SST_ITER_SEQUENTIAL);
	check_seeks(r, c);
	check_seeks(r, NULL);
	check_gets(r, c);
	check_gets(r, NULL);
	sst_close(r);
	block_cache_free(c);
	sst_meta_fini(&meta);
	sst_gen_free(&gen);
}

static const struct sst_gen_shape shapes[] = {
	{ .n_keys = 1, .versions = 1, .key_len = 8, .value_len = 10 },
	{ .n_keys = 2000, .versions = 1, .key_len = 40, .value_len = 99 },
	{ .n_keys = 900, .versions = 6, .key_len = 12, .value_len = 30 },
	{ .n_keys = 4, .versions = 500, .key_len = 9, .value_len = 30 },
	{ .n_keys = 500,
	  .versions = 2,
	  .key_len = 30,
	  .value_len = 200,
	  .one_in_big = 10 },
};

START_TEST(a_table_holds_what_was_added)
{
	struct sst_writer_options o = { .block_bytes = 512, .bloom_bits = 10 };

	for (enum codec c = 0; c < N_CODECS; c++) {
		o.codec = c;
		check_table(&shapes[_i], &o);
	}
	o.codec = CODEC_ZSTD;
	o.with_dict = true;
	check_table(&shapes[_i], &o);
	o.with_dict = false;
	o.block_bytes = 1;
	o.bloom_bits = 0;
	check_table(&shapes[_i], &o);
	o.block_bytes = 0;
	check_table(&shapes[_i], &o);
}
END_TEST

/* ---- damage --------------------------------------------------------------- */

/* A small table as bytes. */
static void make_image(enum codec codec, struct buf *image)
{
	static const struct sst_gen_shape shape = {
		.n_keys = 30, .versions = 2, .key_len = 12, .value_len = 40
	};
	struct sst_writer_options o = { .codec = codec,
					.block_bytes = 400,
					.bloom_bits = 10 };
	struct sst_writer *w;

	sst_gen_make(&gen, &rng, &shape);
	ck_ok(sst_writer_new(&o, &w));
	for (size_t i = 0; i < gen.n; i++)
		ck_ok(sst_writer_add(w, &gen.recs[i]));
	ck_ok(sst_writer_finish_image(w, image, NULL));
	sst_writer_free(w);
}

/* One whose blocks need its dictionary. */
static void make_dict_image(struct buf *image)
{
	struct sst_writer_options o = { .codec = CODEC_ZSTD,
					.block_bytes = 400,
					.with_dict = true };
	char key[32], value[160];
	struct sst_writer *w;
	size_t at;

	ck_ok(sst_writer_new(&o, &w));
	for (unsigned i = 0; i < 170; i++) {
		struct record r = { .ts = i };

		r.key = SLICE(key,
			      (size_t)snprintf(key, sizeof(key), "k%04u", i));
		r.value = SLICE(
			value,
			(size_t)snprintf(value, sizeof(value),
					 "the heavy ledger of the trunk number "
					 "%u forgets what the water carries "
					 "slowly to the bucket of %u others",
					 i * 7919, i % 7));
		ck_ok(sst_writer_add(w, &r));
	}
	at = image->len;
	ck_ok(sst_writer_finish_image(w, image, NULL));
	at += 4 + le32_load(image->data + at) + 4;
	ck_assert_uint_eq(le32_load(image->data + at + 16), SST_INCOMPAT_DICT);
	sst_writer_free(w);
}

static void put_file(const char *path, const void *p, size_t len)
{
	struct env_file *f;

	ck_ok(env_open(env_posix(), path, ENV_WRITE | ENV_CREATE | ENV_TRUNC,
		       &f));
	ck_ok(env_append(f, p, len));
	ck_ok(env_close(f));
}

/* The whole file read: the first code other than 0. */
static int read_all(const char *path)
{
	struct sst_reader *r;
	int rc = sst_open(env_posix(), path, 1, &r);

	if (rc < 0)
		return rc;
	rc = sst_verify(r, NULL, NULL);
	sst_close(r);
	return rc;
}

START_TEST(every_flipped_byte_is_corruption_that_names_the_file)
{
	const char *path = tmpdir_path(dir, "flipped.sst");
	struct buf image = BUF_INIT;

	if (_i == N_CODECS)
		make_dict_image(&image);
	else
		make_image((enum codec)_i, &image);
	put_file(path, image.data, image.len);
	ck_ok(read_all(path));
	for (size_t at = 0; at < image.len; at++) {
		uint8_t bit = (uint8_t)(1u << rng_below(&rng, 8));

		image.data[at] ^= bit;
		put_file(path, image.data, image.len);
		ck_assert_msg(read_all(path) == TT_ECORRUPT, "byte %zu: %s: %s",
			      at, err_name(read_all(path)), err_text());
		ck_assert_ptr_nonnull(strstr(err_text(), path));
		image.data[at] ^= bit;
	}
	buf_fini(&image);
	sst_gen_free(&gen);
}
END_TEST

START_TEST(truncation_and_padding_are_corruption)
{
	const char *path = tmpdir_path(dir, "short.sst");
	struct buf image = BUF_INIT;
	struct sst_reader *r;

	make_image(CODEC_NONE, &image);
	for (size_t len = 0; len < image.len; len++) {
		put_file(path, image.data, len);
		ck_err(sst_open(env_posix(), path, 1, &r), TT_ECORRUPT);
		ck_assert_ptr_nonnull(strstr(err_text(), path));
	}
	ck_ok(buf_append_byte(&image, 0));
	put_file(path, image.data, image.len);
	ck_err(sst_open(env_posix(), path, 1, &r), TT_ECORRUPT);
	buf_fini(&image);
	sst_gen_free(&gen);
}
END_TEST

/* Where the index box begins. */
static size_t index_at(const struct buf *image)
{
	return 8 + le32_load(image->data);
}

/* Makes the header's checksum right again. */
static void reseal(struct buf *image)
{
	size_t at = index_at(image);
	size_t end = at + le32_load(image->data + at - 4) - SST_CHECKSUM_LEN;

	le64_store(image->data + end, checksum(image->data, end));
}

START_TEST(another_version_is_refused_naming_both)
{
	const char *path = tmpdir_path(dir, "v.sst");
	struct buf image = BUF_INIT;
	struct sst_reader *r;
	size_t at;

	make_image(CODEC_NONE, &image);
	at = index_at(&image);
	le32_store(image.data + at + 4, 77);
	reseal(&image);
	put_file(path, image.data, image.len);
	ck_err(sst_open(env_posix(), path, 1, &r), TT_EVERSION);
	ck_assert_ptr_nonnull(strstr(err_text(), "version 77"));
	ck_assert_ptr_nonnull(strstr(err_text(), "version 1"));
	le32_store(image.data + at + 4, SST_VERSION);
	le32_store(image.data + at + 16,
		   1u << 30); /* an incompatible feature */
	reseal(&image);
	put_file(path, image.data, image.len);
	ck_err(sst_open(env_posix(), path, 1, &r), TT_EVERSION);
	buf_fini(&image);
	sst_gen_free(&gen);
}
END_TEST

START_TEST(a_header_that_lies_under_a_right_checksum_is_refused)
{
	const char *path = tmpdir_path(dir, "lie.sst");
	struct buf image = BUF_INIT;
	size_t at, end;

	make_image(CODEC_NONE, &image);
	at = index_at(&image);
	end = at + le32_load(image.data + at - 4) - SST_CHECKSUM_LEN;
	for (size_t i = at; i < end; i++) {
		uint8_t was = image.data[i];
		int rc;

		/* Features and padding that older programs may ignore. */
		if (i - at >= 8 && i - at < 16)
			continue;
		if (i - at >= 21 && i - at < 24)
			continue;
		image.data[i] ^= (uint8_t)(1 + rng_below(&rng, 255));
		reseal(&image);
		put_file(path, image.data, image.len);
		rc = read_all(path);
		ck_assert_msg(rc == TT_ECORRUPT || rc == TT_EVERSION || rc == 0,
			      "byte %zu: %s", i - at, err_name(rc));
		/* Only a separator may lie without being caught: any key
		 * between two blocks will do. */
		if (rc == 0)
			ck_assert_uint_ge(i - at, 80);
		image.data[i] = was;
	}
	buf_fini(&image);
	sst_gen_free(&gen);
}
END_TEST

static void count_report(void *arg, const char *text)
{
	unsigned *n = arg;

	(void)text;
	(*n)++;
}

START_TEST(verify_reports_each_damaged_block_and_others_stay_readable)
{
	const char *path = tmpdir_path(dir, "two.sst");
	struct buf image = BUF_INIT;
	struct sst_block_ref ref;
	struct sst_reader *r;
	unsigned n = 0, n_damaged, n_bad = 0, n_good = 0;

	make_image(CODEC_NONE, &image);
	put_file(path, image.data, image.len);
	ck_ok(sst_open(env_posix(), path, 1, &r));
	sst_index_block(sst_index_of(r), 1, &ref);
	image.data[ref.offset + 3] ^= 1;
	n_damaged = ref.n_records;
	sst_index_block(sst_index_of(r), 3, &ref);
	image.data[ref.offset + 9] ^= 1;
	n_damaged += ref.n_records;
	sst_close(r);
	put_file(path, image.data, image.len);

	ck_ok(sst_open(env_posix(), path, 1, &r));
	ck_err(sst_verify(r, count_report, &n), TT_ECORRUPT);
	ck_assert_uint_eq(n, 2);
	for (size_t i = 0; i < gen.n; i++) {
		struct sst_hit hit;
		int rc = sst_get(r, NULL, gen.recs[i].key,
				 key_hash(gen.recs[i].key), gen.recs[i].ts,
				 false, &hit);

		n_bad += rc == TT_ECORRUPT;
		if (rc == 0) {
			n_good++;
			check_same(&hit.rec, &gen.recs[i]);
			sst_hit_release(&hit);
		}
	}
	ck_assert_uint_eq(n_bad, n_damaged);
	ck_assert_uint_eq(n_good + n_bad, gen.n);
	sst_close(r);
	buf_fini(&image);
	sst_gen_free(&gen);
}
END_TEST

/* ---- failing disks -------------------------------------------------------- */

START_TEST(a_failed_write_leaves_no_file)
{
	static const struct sst_gen_shape shape = {
		.n_keys = 20000, .versions = 1, .key_len = 40, .value_len = 150
	};
	struct sst_writer_options o = { .bloom_bits = 10 };
	struct fault_env *fe;
	struct sst_writer *w;
	uint64_t n_calls = 1;

	sst_gen_make(&gen, &rng, &shape);
	ck_ok(sst_writer_new(&o, &w));
	ck_ok(fault_env_new(env_posix(), dir, 1, &fe));
	for (uint64_t nth = 1; nth <= n_calls; nth++) {
		uint64_t before = fault_env_calls(fe, FAULT_ANY);
		unsigned mask = FAULT_MUTATING | FAULT_OPEN | FAULT_CLOSE;
		const char *tmp = tmpdir_path(dir, "f.tmp");
		const char *path = tmpdir_path(dir, "f.sst");
		int rc;

		for (size_t i = 0; i < gen.n; i++)
			ck_ok(sst_writer_add(w, &gen.recs[i]));
		if (nth > 1)
			fault_env_fail(fe, mask, nth - 1, EIO, FAULT_ONCE);
		rc = sst_writer_finish(w, fault_env_env(fe), tmp, path, NULL);
		ck_assert_uint_eq(sst_writer_count(w), 0);
		fault_env_clear(fe);
		if (nth == 1) {
			ck_assert_int_eq(rc, 0);
			n_calls = fault_env_calls(fe, FAULT_ANY) - before + 1;
			ck_assert_uint_gt(n_calls, 5);
			ck_ok(env_unlink(fault_env_env(fe), path));
			continue;
		}
		ck_assert_int_eq(rc, -EIO);
		ck_assert_int_eq(env_exists(env_posix(), tmp), 0);
		ck_assert_int_eq(env_exists(env_posix(), path), 0);
	}
	fault_env_free(fe);
	sst_writer_free(w);
	sst_gen_free(&gen);
}
END_TEST

START_TEST(a_failed_read_is_not_called_corruption)
{
	const char *path = tmpdir_path(dir, "r.sst");
	struct sst_writer_options o = { .bloom_bits = 10 };
	struct fault_env *fe;
	struct sst_reader *r;
	struct rec_iter *it;

	sst_gen_make(&gen, &rng, &shapes[1]);
	sst_gen_write(&gen, &o, path, NULL);
	ck_ok(fault_env_new(env_posix(), dir, 1, &fe));
	for (uint64_t nth = 1; nth <= 3; nth++) {
		fault_env_fail(fe, FAULT_READ, nth, EIO, FAULT_ONCE);
		ck_err(sst_open(fault_env_env(fe), path, 1, &r), -EIO);
	}
	fault_env_clear(fe);
	ck_ok(sst_open(fault_env_env(fe), path, 1, &r));
	ck_ok(sst_iter_new(r, NULL, SST_ITER_SEQUENTIAL, &it));
	fault_env_fail(fe, FAULT_READ, 1, EIO, FAULT_ONCE);
	ck_err(rec_iter_first(it), -EIO);
	ck_ok(rec_iter_first(it));
	rec_iter_free(it);
	sst_close(r);
	fault_env_free(fe);
	sst_gen_free(&gen);
}
END_TEST

static Suite *sst_suite(void)
{
	Suite *s = suite_create("sst");
	TCase *tc = tcase_create("sst");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_table_holds_what_was_added, 0,
			    (int)ARRAY_LEN(shapes));
	tcase_add_loop_test(
		tc, every_flipped_byte_is_corruption_that_names_the_file, 0,
		N_CODECS + 1);
	tcase_add_test(tc, truncation_and_padding_are_corruption);
	tcase_add_test(tc, another_version_is_refused_naming_both);
	tcase_add_test(tc,
		       a_header_that_lies_under_a_right_checksum_is_refused);
	tcase_add_test(
		tc, verify_reports_each_damaged_block_and_others_stay_readable);
	tcase_add_test(tc, a_failed_write_leaves_no_file);
	tcase_add_test(tc, a_failed_read_is_not_called_corruption);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(sst_suite)
