/* SPDX-License-Identifier: MIT */
/*
 * A process that writes is killed with SIGKILL at a random moment, again and
 * again, on the same store: each time everything that had returned is there,
 * and nothing else.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "model/oracle.h"
#include "support/check_main.h"
#include "support/prng.h"
#include "support/tmpdir.h"

static struct tt_options *small_store(void)
{
	struct tt_options *o = tt_options_new();

	ck_assert_ptr_nonnull(o);
	ck_ok(tt_options_set(o, "memtable_bytes", "128k"));
	ck_ok(tt_options_set(o, "table_bytes", "64k"));
	ck_ok(tt_options_set(o, "wal_segment_bytes", "64k"));
	ck_ok(tt_options_set(o, "l0_trigger", "2"));
	ck_ok(tt_options_set(o, "separate_bytes", "512"));
	ck_ok(tt_options_set(o, "value_file_bytes", "128k"));
	return o;
}

/* Writes until it is killed, telling how far it came. */
static void write_for_ever(const char *path, const struct tt_options *opts,
			   struct oracle *o, uint64_t seed,
			   _Atomic uint32_t *done)
{
	struct tt_batch *b = tt_batch_new();
	struct tt *db;
	struct rng rng;

	if (!b || tt_open(path, opts, &db) < 0)
		_exit(3);
	rng_init(&rng, seed);
	for (;;) {
		oracle_next(o, &rng, b);
		if (oracle_write(o, db, NULL, b, NULL) < 0)
			_exit(4);
		atomic_store(done, o->n_batches);
	}
}

/* What the child made after the state it began with, as far as it matters. */
static void repeat_history(struct oracle *o, uint64_t seed, uint32_t upto)
{
	struct tt_batch *b = tt_batch_new();
	struct rng rng;

	ck_assert_ptr_nonnull(b);
	rng_init(&rng, seed);
	while (o->n_batches < upto)
		oracle_next(o, &rng, b);
	tt_batch_free(b);
}

static void kill_later(pid_t pid, uint64_t us, _Atomic uint32_t *done)
{
	struct timespec t = { 0, 1000000 };
	int status;

	/* Counts from its first write, so that slow machines get there. */
	while (atomic_load(done) == 0 && waitpid(pid, &status, WNOHANG) == 0)
		(void)nanosleep(&t, NULL);
	t.tv_nsec = (long)(us * 1000);
	(void)nanosleep(&t, NULL);
	(void)kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
}

START_TEST(what_returned_survives_sigkill)
{
	char *dir = tmpdir_new();
	struct tt_options *opts = small_store();
	struct oracle o;
	struct rng rng;
	_Atomic uint32_t *done = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert(done != MAP_FAILED);
	test_rng(&rng);
	ck_ok(tt_options_set_merge(opts, "oracle", oracle_merge, NULL));
	oracle_init(&o, 300, 4000);
	for (uint64_t round = 0; round < test_scale(10); round++) {
		uint64_t seed = rng_next(&rng);
		const char *path = tmpdir_path(dir, "store");
		struct tt *db;
		uint32_t seq;
		pid_t pid;

		atomic_store(done, 0);
		pid = fork();
		ck_assert_int_ge(pid, 0);
		if (pid == 0)
			write_for_ever(path, opts, &o, seed, done);
		kill_later(pid, rng_range(&rng, 1000, 150000), done);
		ck_ok(tt_open(path, opts, &db));
		seq = oracle_seq(db, NULL);
		ck_assert_uint_ge(seq, atomic_load(done));
		ck_assert_uint_le(seq, atomic_load(done) + 1);
		repeat_history(&o, seed, seq);
		oracle_check(&o, db, NULL, seq);
		ck_ok(tt_close(db));
	}
	oracle_fini(&o);
	(void)munmap((void *)done, 4096);
	tt_options_free(opts);
	tmpdir_free(dir);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("kill");
	TCase *t = tcase_create("kill");

	tcase_add_test(t, what_returned_survives_sigkill);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
