/* SPDX-License-Identifier: MIT */
/*
 * The log of values by itself: writing and reading, the life of files, syncs,
 * full disks, descriptors, many writers.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/err.h"
#include "lsm/file_name.h"
#include "lsm/value_log.h"
#include "lsm/value_read.h"
#include "lsm/value_reader.h"
#include "support/check_main.h"
#include "support/fault_env.h"
#include "support/prng.h"
#include "support/tmpdir.h"

static char *dir;
static struct fault_env *fe;
static struct env *env;
static struct value_log *l;
static _Atomic uint64_t next_no;

/* What the manifest would know: the length of each file, 0: unsealed. */
#define MAX_NAMED 256
static _Atomic uint64_t named[MAX_NAMED];
static _Atomic bool is_named[MAX_NAMED];
static _Atomic uint64_t seals[MAX_NAMED];
static _Atomic int name_fails;

static uint64_t new_file_no(void *arg)
{
	(void)arg;
	return atomic_fetch_add(&next_no, 1);
}

static int name_file(void *arg, const struct value_name *name, bool *is_refused)
{
	(void)arg;
	ck_assert_uint_lt(name->file_no, MAX_NAMED);
	*is_refused = atomic_load(&name_fails) == -ENOSPC;
	if (atomic_load(&name_fails))
		return err_set(atomic_load(&name_fails), "no name");
	ck_assert((name->bytes == 0) == (name->seal == 0));
	atomic_store(&is_named[name->file_no], true);
	atomic_store(&named[name->file_no], name->bytes);
	atomic_store(&seals[name->file_no], name->seal);
	return 0;
}

static void wake(void *arg)
{
	(void)arg;
}

static void make_log(uint64_t file_bytes, enum codec codec)
{
	const struct value_log_options o = {
		.env = env,
		.dir = dir,
		.file_bytes = file_bytes,
		.max_open = 2,
		.codec = codec,
		.hooks = { NULL, new_file_no, name_file, wake },
	};

	ck_ok(value_log_new(&o, &l));
}

static void setup(void)
{
	dir = tmpdir_new();
	ck_ok(fault_env_new(env_posix(), dir, 1, &fe));
	env = fault_env_env(fe);
	atomic_store(&next_no, 1);
	atomic_store(&name_fails, 0);
	for (size_t i = 0; i < MAX_NAMED; i++) {
		atomic_store(&is_named[i], false);
		atomic_store(&named[i], 0);
	}
	make_log(64 << 10, CODEC_NONE);
	ck_ok(value_log_start(l));
}

static void teardown(void)
{
	(void)value_log_stop(l);
	value_log_free(l);
	fault_env_free(fe);
	tmpdir_free(dir);
}

static void add_named(uint64_t no)
{
	const struct value_name name = { no, atomic_load(&named[no]),
					 atomic_load(&seals[no]) };

	ck_ok(value_log_add(l, &name));
}

/* Begins again with what the manifest knows. */
static void restart(uint64_t file_bytes, enum codec codec)
{
	(void)value_log_stop(l);
	value_log_free(l);
	make_log(file_bytes, codec);
	for (uint64_t i = 0; i < MAX_NAMED; i++)
		if (atomic_load(&is_named[i]))
			add_named(i);
	ck_ok(value_log_recover(l));
	ck_ok(value_log_sync(l));
	ck_ok(value_log_start(l));
}

static void fill(uint8_t *p, size_t len, uint64_t seed)
{
	struct rng r;

	rng_init(&r, seed);
	rng_fill(&r, p, len);
}

static struct value_ptr put(const char *key, size_t len, uint64_t seed)
{
	uint8_t *p = malloc(len + 1);
	struct value_file *f;
	struct value_ptr ptr;

	fill(p, len, seed);
	ck_ok(value_log_put(l, VALUE_STREAM_USER, tt_str(key), 0, SLICE(p, len),
			    &ptr, &f));
	ck_assert_uint_eq(ptr.raw_len, len);
	ck_assert_uint_eq(f->no, ptr.file_no);
	value_file_unuse(f);
	free(p);
	return ptr;
}

static void check(const char *key, const struct value_ptr *ptr, uint64_t seed)
{
	struct value_ptr_stored stored;
	uint8_t *want = malloc(ptr->raw_len + 1u);
	struct buf got = BUF_INIT;

	value_ptr_encode(ptr, &stored);
	ck_assert(value_ptr_is_sound(&stored, sizeof(stored)));
	ck_ok(value_resolve(l, tt_str(key), SLICE(&stored, sizeof(stored)),
			    false, &got));
	fill(want, ptr->raw_len, seed);
	ck_assert(slice_eq(buf_slice(&got), SLICE(want, ptr->raw_len)));
	buf_fini(&got);
	free(want);
}

START_TEST(a_value_comes_back_as_it_was_put)
{
	static const size_t lens[] = { 0,     1,      7,     8,
				       4096,  8100,   8192,  20000,
				       65536, 300000, 70000, 1 << 20 };
	struct value_ptr ptrs[ARRAY_LEN(lens)];

	for (size_t i = 0; i < ARRAY_LEN(lens); i++)
		ptrs[i] = put("some key", lens[i], i);
	for (size_t i = 0; i < ARRAY_LEN(lens); i++)
		check("some key", &ptrs[i], i);
	restart(64 << 10, CODEC_NONE);
	for (size_t i = 0; i < ARRAY_LEN(lens); i++)
		check("some key", &ptrs[i], i);
}
END_TEST

START_TEST(keys_of_any_length_go_with_a_value)
{
	static const size_t lens[] = { 1, 255, 9000, TT_KEY_MAX };
	char *key = calloc(1, TT_KEY_MAX + 1);

	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		struct value_ptr ptr;

		memset(key, 'k', lens[i]);
		ptr = put(key, 5000, i);
		check(key, &ptr, i);
	}
	free(key);
}
END_TEST

START_TEST(values_that_shrink_are_stored_compressed)
{
	char *zeros = calloc(1, 40000);
	struct value_file *f;
	struct value_ptr ptr;
	uint8_t *got = malloc(40000);

	restart(64 << 10, CODEC_LZ4);
	ck_ok(value_log_put(l, VALUE_STREAM_USER, tt_str("k"), 0,
			    SLICE(zeros, 40000), &ptr, &f));
	value_file_unuse(f);
	ck_assert_int_eq(ptr.codec, CODEC_LZ4);
	ck_assert_uint_lt(ptr.stored_len, 4000);
	ck_ok(value_read(l, &ptr, got));
	ck_assert_int_eq(memcmp(got, zeros, 40000), 0);
	ptr = put("k", 40000, 1); /* noise */
	ck_assert_int_eq(ptr.codec, CODEC_NONE);
	check("k", &ptr, 1);
	free(zeros);
	free(got);
}
END_TEST

START_TEST(files_follow_each_other_and_are_sealed)
{
	struct value_ptr ptrs[40];
	struct buf path = BUF_INIT;
	struct env_stat st;

	for (uint64_t i = 0; i < ARRAY_LEN(ptrs); i++)
		ptrs[i] = put("k", 20001, i);
	ck_assert_uint_gt(ptrs[39].file_no, ptrs[0].file_no + 8);
	for (uint64_t i = 0; i < ARRAY_LEN(ptrs); i++)
		check("k", &ptrs[i], i);
	/* All but the last few are sealed with their lengths. */
	for (uint64_t no = ptrs[0].file_no; no + 4 < ptrs[39].file_no; no++) {
		ck_assert_uint_gt(atomic_load(&named[no]), 60000);
		ck_assert(!value_log_is_unsealed(l, no));
		ck_ok(path_values(&path, dir, no));
		ck_ok(env_stat(env, path_of(&path), &st));
		ck_assert_uint_eq(st.size, atomic_load(&named[no]));
	}
	buf_fini(&path);
}
END_TEST

START_TEST(descriptors_stay_within_their_bound)
{
	struct value_log_stats s;
	struct value_ptr ptrs[40];

	for (uint64_t i = 0; i < ARRAY_LEN(ptrs); i++)
		ptrs[i] = put("k", 30000, i);
	for (int round = 0; round < 2; round++)
		for (uint64_t i = 0; i < ARRAY_LEN(ptrs); i++) {
			check("k", &ptrs[i], i);
			value_log_get_stats(l, &s);
			ck_assert_uint_le(s.n_open, 2 + 1 + 5);
		}
}
END_TEST

START_TEST(the_last_file_goes_on_after_a_restart)
{
	struct value_ptr a = put("k", 5000, 1), b;

	restart(64 << 10, CODEC_NONE);
	b = put("k", 5000, 2);
	ck_assert_uint_eq(b.file_no, a.file_no);
	ck_assert_uint_gt(b.offset, a.offset);
	check("k", &a, 1);
	check("k", &b, 2);
}
END_TEST

START_TEST(a_changed_byte_is_noticed_and_named)
{
	struct value_ptr a = put("k", 5000, 1), b = put("k", 5000, 2);
	struct value_ptr_stored stored;
	struct buf path = BUF_INIT, got = BUF_INIT;
	struct env_file *f;
	struct value_disk disk = { .env = env, .dir = dir };
	uint8_t byte;

	ck_ok(path_values(&path, dir, a.file_no));
	ck_ok(env_open(env, path_of(&path), ENV_READ | ENV_WRITE, &f));
	ck_ok(env_read_exact(f, value_offset(&a) + 4321, &byte, 1));
	byte ^= 1;
	ck_ok(env_write(f, value_offset(&a) + 4321, &byte, 1));
	value_ptr_encode(&a, &stored);
	ck_err(value_resolve(l, tt_str("k"), SLICE(&stored, sizeof(stored)),
			     false, &got),
	       TT_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err_text(), path_of(&path)));
	ck_assert_ptr_nonnull(strstr(err_text(), "offset 73"));
	ck_err(value_disk_verify(&disk, &a, tt_str("k")), TT_ECORRUPT);
	check("k", &b, 2);
	ck_ok(value_disk_verify(&disk, &b, tt_str("k")));
	ck_err(value_disk_verify(&disk, &b, tt_str("x")), TT_ECORRUPT);
	(void)env_close(f);
	value_disk_fini(&disk);
	buf_fini(&path);
	buf_fini(&got);
}
END_TEST

/* Length and seal of the oldest unsealed file in a cut. */
static struct value_name cut_open(void)
{
	struct value_name found = { .file_no = 0 };
	struct value_cut c;

	ck_ok(value_log_cut(l, &c));
	for (size_t i = 0; i < c.n; i++) {
		const struct value_cut_file *f = &c.files[i];

		ck_assert(i == 0 || f[-1].name.file_no < f->name.file_no);
		ck_assert_uint_ne(f->name.seal, 0);
		if (f->is_sealed)
			ck_assert_uint_eq(f->name.seal,
					  atomic_load(&seals[f->name.file_no]));
		else if (!found.file_no)
			found = f->name;
	}
	value_cut_fini(&c);
	return found;
}

START_TEST(a_cut_tells_what_counts_and_knows_it_again)
{
	struct value_ptr p = put("k", 5000, 1);
	struct value_name a = cut_open(), b = cut_open();
	struct value_file *f;

	ck_assert_uint_eq(a.file_no, p.file_no);
	ck_assert_uint_ge(a.bytes, value_offset(&p) + 5000);
	ck_assert(a.bytes == b.bytes && a.seal == b.seal);
	/* What is put in the same place is something else. */
	f = value_log_find(l, p.file_no);
	value_log_take_back(l, f, &p);
	value_file_unref(f);
	p = put("k", 5000, 2);
	b = cut_open();
	ck_assert(a.bytes == b.bytes && a.seal != b.seal);
	while (p.file_no < a.file_no + 3)
		p = put("k", 5000, 3);
	b = cut_open();
	ck_assert_uint_gt(b.file_no, a.file_no);
}
END_TEST

START_TEST(synced_values_survive_a_power_cut)
{
	struct value_ptr a = put("k", 50000, 1), b;

	ck_ok(value_log_sync(l));
	b = put("k", 5000, 2);
	ck_ok(fault_env_cut(fe, CUT_STRICT));
	(void)value_log_stop(l);
	value_log_free(l);
	ck_ok(fault_env_power_on(fe));
	make_log(64 << 10, CODEC_NONE);
	add_named(a.file_no);
	ck_ok(value_log_recover(l));
	ck_assert(value_log_is_unsealed(l, a.file_no));
	ck_assert(value_log_has_unsealed(l));
	check("k", &a, 1);
	{
		uint8_t *p = malloc(5000);

		ck_err(value_read(l, &b, p), TT_ECORRUPT);
		free(p);
	}
	ck_ok(value_log_sync(l));
	ck_ok(value_log_start(l));
}
END_TEST

START_TEST(a_missing_file_fails_its_values_only)
{
	struct value_ptr a = put("k", 60000, 1), b = put("k", 60000, 2);
	struct buf path = BUF_INIT;
	uint8_t *p = malloc(60000);

	ck_assert_uint_ne(a.file_no, b.file_no);
	ck_ok(path_values(&path, dir, a.file_no));
	ck_ok(value_log_stop(l));
	ck_ok(env_unlink(env, path_of(&path)));
	restart(64 << 10, CODEC_NONE);
	ck_err(value_read(l, &a, p), TT_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err_text(), path_of(&path)));
	check("k", &b, 2);
	b = put("k", 60000, 3);
	check("k", &b, 3);
	free(p);
	buf_fini(&path);
}
END_TEST

START_TEST(a_full_disk_fails_writes_until_there_is_room)
{
	uint8_t *p = calloc(1, 60000);
	struct value_ptr a = put("k", 1000, 1), ptr;
	struct value_file *f;
	int r;

	fault_env_limit_bytes(fe, 30000);
	ck_err(value_log_put(l, VALUE_STREAM_USER, tt_str("k"), 0,
			     SLICE(p, 60000), &ptr, &f),
	       -ENOSPC);
	ck_err(value_log_put(l, VALUE_STREAM_USER, tt_str("k"), 0,
			     SLICE(p, 60000), &ptr, &f),
	       -ENOSPC);
	check("k", &a, 1);
	fault_env_limit_bytes(fe, UINT64_MAX);
	ptr = put("k", 60000, 2);
	check("k", &ptr, 2);
	/* No name for a new file is the same thing; one may be ready. */
	atomic_store(&name_fails, -ENOSPC);
	for (r = 0; r == 0;) {
		r = value_log_put(l, VALUE_STREAM_USER, tt_str("k"), 0,
				  SLICE(p, 60000), &ptr, &f);
		if (r == 0)
			value_file_unuse(f);
	}
	ck_err(r, -ENOSPC);
	atomic_store(&name_fails, 0);
	ptr = put("k", 60000, 3);
	check("k", &ptr, 3);
	check("k", &a, 1);
	free(p);
}
END_TEST

static int put_now(void)
{
	static uint8_t p[30000];
	struct value_ptr ptr;
	struct value_file *f;
	int r = value_log_put_now(l, tt_str("k"), SLICE(p, sizeof(p)), &ptr,
				  &f);

	if (r == 0)
		value_file_unuse(f);
	return r;
}

/* Until it is something else. */
static int put_again_and_again(int while_it_is)
{
	int r = while_it_is;

	for (unsigned i = 0; i < 20000 && r == while_it_is; i++) {
		r = put_now();
		(void)sched_yield();
	}
	return r;
}

START_TEST(who_must_not_wait_is_told_that_there_is_no_file_yet)
{
	ck_err(put_now(), -EAGAIN);
	ck_ok(put_again_and_again(-EAGAIN));
	/* Why there is none is told as well, and forgotten. */
	atomic_store(&name_fails, -ENOSPC);
	ck_err(put_again_and_again(0), -EAGAIN);
	ck_err(put_again_and_again(-EAGAIN), -ENOSPC);
	atomic_store(&name_fails, 0);
	(void)put_now();
	ck_ok(put_again_and_again(-EAGAIN));
}
END_TEST

START_TEST(a_failed_sync_is_not_repeated)
{
	uint8_t *p = calloc(1, 5000);
	struct value_ptr a = put("k", 1000, 1), ptr;
	struct value_file *f;

	fault_env_fail(fe, FAULT_SYNC, 1, EIO, FAULT_ONCE);
	ck_err(value_log_sync(l), -EIO);
	ck_err(value_log_sync(l), TT_EPOISONED);
	ck_err(value_log_put(l, VALUE_STREAM_USER, tt_str("k"), 0,
			     SLICE(p, 5000), &ptr, &f),
	       TT_EPOISONED);
	check("k", &a, 1);
	free(p);
}
END_TEST

static struct value_file *put_moved(struct value_ptr *ptr, uint64_t seed)
{
	struct value_file *f;
	uint8_t p[5000];

	fill(p, sizeof(p), seed);
	ck_ok(value_log_put(l, VALUE_STREAM_MOVED, tt_str("k"), 1,
			    SLICE(p, sizeof(p)), ptr, &f));
	return f;
}

START_TEST(a_failed_sync_of_moved_values_breaks_their_file_alone)
{
	struct value_ptr a, b, c, user = put("k", 1000, 1);
	struct value_file *f = put_moved(&a, 2), *g;

	ck_ok(value_log_sync_file(f));
	ck_assert_ptr_eq(put_moved(&b, 3), f);
	fault_env_fail(fe, FAULT_SYNC, 1, EIO, FAULT_ONCE);
	ck_err(value_log_sync_file(f), -EIO);
	ck_err(value_log_sync_file(f), -EIO); /* without a second call */
	ck_ok(value_log_check(l));
	/* The next go to another file; the log of users is as well as ever. */
	g = put_moved(&c, 4);
	ck_assert_ptr_ne(g, f);
	ck_ok(value_log_sync_file(g));
	ck_ok(value_log_sync(l));
	check("k", &a, 2);
	check("k", &c, 4);
	check("k", &user, 1);
	/* Nobody seals it, or waits for that. */
	for (uint64_t i = 0; i < 20; i++)
		(void)put("k", 30000, i);
	ck_assert(value_log_is_unsealed(l, f->no));
	value_file_unuse(f);
	value_file_unuse(f);
	value_file_unuse(g);
	restart(64 << 10, CODEC_NONE);
	check("k", &a, 2);
	check("k", &c, 4);
}
END_TEST

START_TEST(a_value_taken_back_leaves_no_hole)
{
	struct value_ptr a = put("k", 1000, 1), b, c;
	uint8_t *p = calloc(1, 5000);
	struct value_file *f;

	ck_ok(value_log_put(l, VALUE_STREAM_USER, tt_str("k"), 0,
			    SLICE(p, 5000), &b, &f));
	value_log_take_back(l, f, &b);
	value_file_unuse(f);
	c = put("k", 7000, 3);
	ck_assert_uint_eq(c.offset, b.offset);
	check("k", &a, 1);
	check("k", &c, 3);
	free(p);
}
END_TEST

START_TEST(a_dropped_file_goes_with_its_last_reader)
{
	struct value_ptr a = put("k", 60000, 1);
	struct value_file *reader;
	struct buf path = BUF_INIT;

	(void)put("k", 60000, 2);
	(void)put("k", 60000, 3);
	ck_ok(path_values(&path, dir, a.file_no));
	while (value_log_is_unsealed(l, a.file_no))
		(void)put("k", 60000, 4);
	reader = value_log_find(l, a.file_no);
	ck_assert_ptr_nonnull(reader);
	value_log_drop(l, reader);
	value_log_collect(l);
	check("k", &a, 1);
	ck_assert_int_eq(env_exists(env, path_of(&path)), 1);
	value_file_unref(reader);
	value_log_collect(l);
	ck_assert_int_eq(env_exists(env, path_of(&path)), 0);
	ck_assert_ptr_null(value_log_find(l, a.file_no));
	buf_fini(&path);
}
END_TEST

/* Whether other pointers may lead into the file. */
static bool may_share(uint64_t no)
{
	struct value_file *f = value_log_share(l, no);

	if (f)
		value_file_unuse(f);
	return f;
}

START_TEST(a_file_is_shared_until_it_is_condemned)
{
	struct value_ptr a = put("k", 60000, 1), moved;
	struct value_file *f = value_log_share(l, a.file_no), *of_moved;

	/* Of users' files also one that is written to. */
	ck_assert_ptr_nonnull(f);
	ck_assert(!value_file_condemn(f));
	ck_assert(may_share(a.file_no));
	ck_ok(value_log_put(l, VALUE_STREAM_MOVED, tt_str("k"), 1,
			    tt_str("moved"), &moved, &of_moved));
	ck_assert(!may_share(moved.file_no));
	value_file_unuse(of_moved);
	while (value_log_is_unsealed(l, a.file_no))
		(void)put("k", 60000, 4);
	ck_assert(may_share(a.file_no));
	atomic_store(&f->is_victim, true);
	ck_assert(!may_share(a.file_no));
	atomic_store(&f->is_victim, false);
	atomic_store(&f->is_unreadable, true);
	ck_assert(!may_share(a.file_no));
	atomic_store(&f->is_unreadable, false);
	ck_assert(may_share(a.file_no));
	/* The file has a reference of the map yet. */
	value_file_unuse(f);
	ck_assert(value_file_condemn(f));
	ck_assert(value_file_condemn(f));
	ck_assert(!may_share(a.file_no));
	ck_assert(!may_share(4711));
}
END_TEST

START_TEST(a_scan_finds_every_value_and_what_is_between)
{
	struct value_ptr a = put("first", 1000, 1), b = put("second", 2000, 2);
	struct value_scan s;
	struct value_found rec;
	struct buf path = BUF_INIT, value = BUF_INIT;
	struct env_file *f;
	uint8_t *want = malloc(2000);

	ck_ok(path_values(&path, dir, a.file_no));
	ck_ok(env_open(env, path_of(&path), ENV_WRITE, &f));
	ck_ok(env_write(f, b.offset + value_record_space(6, 2000), "no record",
			9));
	ck_ok(env_close(f));
	ck_ok(value_scan_open(&s, env, path_of(&path)));
	ck_assert_uint_eq(s.no, a.file_no);
	ck_ok(value_scan_next(&s, &rec));
	ck_assert(rec.is_record && rec.is_sound);
	ck_assert(slice_eq(rec.key, tt_str("first")));
	ck_assert_uint_eq(rec.offset, a.offset);
	ck_ok(value_scan_next(&s, &rec));
	ck_assert(rec.is_record && rec.is_sound);
	ck_assert(slice_eq(rec.key, tt_str("second")));
	ck_ok(value_scan_value(&s, &rec, &value));
	fill(want, 2000, 2);
	ck_assert(slice_eq(buf_slice(&value), SLICE(want, 2000)));
	ck_ok(value_scan_next(&s, &rec));
	ck_assert(!rec.is_record);
	ck_assert_uint_eq(rec.space, 9);
	ck_assert_int_eq(value_scan_next(&s, &rec), TT_END);
	value_scan_fini(&s);
	/* Not one of ours. */
	ck_ok(path_join(&path, dir, "other"));
	ck_ok(env_replace_file(env, path_of(&path),
			       tt_str("something else, "
				      "long enough to "
				      "be a header")));
	ck_err(value_scan_open(&s, env, path_of(&path)), TT_ECORRUPT);
	value_scan_fini(&s);
	buf_fini(&path);
	buf_fini(&value);
	free(want);
}
END_TEST

/* ---- many at once ------------------------------------------------------ */

#define N_WRITERS 3
#define N_VALUES 120

static void *write_many(void *arg)
{
	uint64_t seed = (uint64_t)(uintptr_t)arg << 32;
	struct value_ptr ptrs[N_VALUES];
	char key[16];

	snprintf(key, sizeof(key), "writer%u", (unsigned)(uintptr_t)arg);
	for (uint64_t i = 0; i < N_VALUES; i++) {
		ptrs[i] = put(key, 100 + (size_t)(i * 997 % 20000), seed + i);
		if (i % 16 == 0)
			ck_ok(value_log_sync(l));
		check(key, &ptrs[i / 2], seed + i / 2);
	}
	for (uint64_t i = 0; i < N_VALUES; i++)
		check(key, &ptrs[i], seed + i);
	return NULL;
}

START_TEST(many_write_and_read_at_once)
{
	pthread_t t[N_WRITERS];

	for (uintptr_t i = 0; i < N_WRITERS; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, write_many,
						(void *)(i + 1)),
				 0);
	for (unsigned i = 0; i < N_WRITERS; i++)
		(void)pthread_join(t[i], NULL);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("value_log");
	TCase *t = tcase_create("value_log");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_value_comes_back_as_it_was_put);
	tcase_add_test(t, keys_of_any_length_go_with_a_value);
	tcase_add_test(t, values_that_shrink_are_stored_compressed);
	tcase_add_test(t, files_follow_each_other_and_are_sealed);
	tcase_add_test(t, descriptors_stay_within_their_bound);
	tcase_add_test(t, the_last_file_goes_on_after_a_restart);
	tcase_add_test(t, a_changed_byte_is_noticed_and_named);
	tcase_add_test(t, a_cut_tells_what_counts_and_knows_it_again);
	tcase_add_test(t, synced_values_survive_a_power_cut);
	tcase_add_test(t, a_missing_file_fails_its_values_only);
	tcase_add_test(t, a_full_disk_fails_writes_until_there_is_room);
	tcase_add_test(t, who_must_not_wait_is_told_that_there_is_no_file_yet);
	tcase_add_test(t, a_failed_sync_is_not_repeated);
	tcase_add_test(t,
		       a_failed_sync_of_moved_values_breaks_their_file_alone);
	tcase_add_test(t, a_value_taken_back_leaves_no_hole);
	tcase_add_test(t, a_dropped_file_goes_with_its_last_reader);
	tcase_add_test(t, a_file_is_shared_until_it_is_condemned);
	tcase_add_test(t, a_scan_finds_every_value_and_what_is_between);
	tcase_add_test(t, many_write_and_read_at_once);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
