/* SPDX-License-Identifier: MIT */
/*
 * Crashes: after a power cut the tree is, to the byte, what it was after some
 * operation, not before the last one that was synced; after a kill it is what
 * it was after the last. And its rows keep every rule, with what was being
 * removed in the background still being removed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "lsm/options.h"
#include "support/fault_env.h"
#include "support/prng.h"
#include "support/tmpdir.h"
#include "tree/sweeper.h"
#include "tree/tree_fixture.h"
#include "tree/tree_priv.h"

#define PATH_BYTES 64

#define OPS_MAX 150 /* of which a copy is two */

static char *dir;
static struct tt_options *opts;
static struct fault_env *fault;
static struct fixture f;
static struct rng rng;
static char data[1 << 20];

/* What the tree was after each operation of a round. */
static uint64_t history[2 * OPS_MAX + 1];
static size_t n_history, n_synced;

static void setup(void)
{
	test_rng(&rng);
	dir = tmpdir_new();
	opts = tt_options_new();
	ck_ok(tt_options_set(opts, "memtable_bytes", "256k"));
	ck_ok(tt_options_set(opts, "wal_segment_bytes", "1m"));
	ck_ok(tt_options_set(opts, "sync_interval", "0"));
	ck_ok(fault_env_new(env_posix(), dir, rng_next(&rng), &fault));
	options_set_env(opts, fault_env_env(fault));
}

static void teardown(void)
{
	fault_env_free(fault);
	tt_options_free(opts);
	tmpdir_free(dir);
}

static void start(void)
{
	ck_ok(tt_open(tmpdir_path(dir, "store"), opts, &f.db));
	ck_ok(tree_open(f.db, &f.t));
}

/* ---- what the tree is ------------------------------------------------- */

static uint64_t digest_dir(uint64_t ino, uint64_t seed);

/*
 * Link counts of files are left out: one falls without an operation, when the
 * sweeper comes to another name of the file in a directory that was deleted
 * with all it held. fixture_check() holds them to the names there are.
 */
static int digest_entry(void *arg, const struct tree_dirent *e)
{
	uint64_t *sum = arg;
	struct buf b = BUF_INIT;

	if (e->cookie <= 2)
		return 0;
	*sum = checksum_seeded(e->name.data, e->name.len, *sum);
	*sum = checksum_seeded(&e->attr->mode, sizeof(e->attr->mode), *sum);
	if (S_ISDIR(e->attr->mode)) {
		*sum = checksum_seeded(&e->attr->nlink, sizeof(e->attr->nlink),
				       *sum);
		*sum = digest_dir(e->ino, *sum);
	} else if (S_ISREG(e->attr->mode)) {
		ck_ok(read_ino(f.t, e->ino, 0, e->attr->size, &b));
		ck_assert_uint_eq(b.len, e->attr->size);
		*sum = checksum_seeded(b.data, b.len, *sum);
	}
	tree_forget(f.t, e->ino, 1);
	buf_fini(&b);
	return 0;
}

static uint64_t digest_dir(uint64_t ino, uint64_t seed)
{
	uint64_t sum = seed + 1;
	struct tree_dir *d;

	ck_ok(tree_opendir(f.t, ino, &d));
	ck_ok(tree_readdir(d, 0, true, digest_entry, &sum));
	tree_closedir(d);
	return sum;
}

/* ---- what happens to it ----------------------------------------------- */

static const char *random_path(void)
{
	static char bufs[2][PATH_BYTES];
	static unsigned turn;
	char *p = bufs[turn++ % 2];
	int depth = (int)rng_range(&rng, 1, 2), n = 0;

	for (int i = 0; i < depth; i++)
		n += snprintf(p + n, PATH_BYTES - n, "%s%c", i ? "/" : "",
			      (int)rng_range(&rng, 'a', 'd'));
	return p;
}

static void set_both(const char *p, const char *q)
{
	struct tree_op ops[] = {
		{ .key = tt_str(p), .value = tt_str(q) },
		{ .key = tt_str(q), .value = tt_str(p) },
	};

	(void)tree_key_apply(f.t, ops, 2, NULL, NULL);
}

static void note_state(void)
{
	history[n_history++] = digest_dir(TREE_ROOT, 0);
}

/* All of a file to another, which is emptied before: so it is one change. */
static void copy_file(const char *p, const char *q)
{
	struct tree_attr a, b;
	uint64_t n;

	if (path_lookup(f.t, p, &a) < 0)
		return;
	if (do_truncate(f.t, q, 0) == 0 && path_lookup(f.t, q, &b) == 0) {
		note_state();
		if (S_ISREG(a.mode) && S_ISREG(b.mode) && a.ino != b.ino)
			ck_ok(tree_copy_range(f.t, a.ino, 0, b.ino, 0, a.size,
					      0, &n));
		tree_forget(f.t, b.ino, 1);
	}
	tree_forget(f.t, a.ino, 1);
}

/* One operation, whatever it answers. */
static void one_op(void)
{
	const char *p = random_path(), *q = random_path();
	size_t n = rng_range(&rng, 1, 40000);

	memset(data, (int)rng_range(&rng, 1, 255), n);
	switch (rng_below(&rng, 15)) {
	case 0:
		(void)do_mkdir(f.t, p);
		break;
	case 1:
		(void)do_create(f.t, p);
		break;
	case 2:
		(void)do_unlink(f.t, p);
		break;
	case 3:
		(void)do_rename(f.t, p, q, 0);
		break;
	case 4:
		(void)do_rename(f.t, p, q, TREE_RENAME_EXCHANGE);
		break;
	case 5:
		(void)do_link(f.t, p, q);
		break;
	case 6:
		(void)do_set(f.t, p, q);
		break;
	case 7:
		(void)do_del(f.t, p, true);
		break;
	case 8:
		set_both(p, q);
		break;
	case 9:
		(void)do_truncate(f.t, p, rng_below(&rng, 50000));
		break;
	case 10:
	case 11:
		copy_file(p, q);
		break;
	default:
		(void)do_write(f.t, p, rng_below(&rng, 30000), data, n);
	}
}

static void live(void)
{
	size_t n = rng_range(&rng, 1, OPS_MAX - 20);

	n_history = n_synced = 0;
	note_state();
	for (size_t i = 0; i < n; i++) {
		one_op();
		note_state();
		if (rng_one_in(&rng, 20)) {
			ck_ok(tree_sync(f.t));
			n_synced = n_history - 1;
		}
	}
}

/* Something for the sweeper to be in the middle of. */
static void live_large(void)
{
	struct tree_attr a;

	n_history = n_synced = 0;
	ck_ok(tree_create(f.t, TREE_ROOT, tt_str("big"), &test_cred, 0644,
			  false, &(bool){ false }, &a));
	tree_forget(f.t, a.ino, 1);
	for (int i = 0; i < 10; i++)
		ck_ok(do_write(f.t, "big", (uint64_t)i << 20, data,
			       sizeof(data)));
	/* with a hole the removal is the sweeper's, without it is at once */
	if (rng_one_in(&rng, 2))
		ck_ok(do_truncate(f.t, "big", 12 << 20));
	ck_ok(tree_sync(f.t));
	note_state();
	ck_ok(do_truncate(f.t, "big", rng_below(&rng, 100000)));
	note_state();
	ck_ok(do_truncate(f.t, "big", 3 << 20));
	note_state();
	if (rng_one_in(&rng, 2)) {
		ck_ok(do_unlink(f.t, "big"));
		note_state();
	}
}

/* ---- the cut ---------------------------------------------------------- */

static void crash(enum fault_cut how)
{
	uint64_t now;
	size_t least = how == CUT_NOTHING_LOST ? n_history - 1 : n_synced;
	size_t i = n_history;

	ck_ok(fault_env_cut(fault, how));
	(void)tree_close(f.t); /* nothing they say matters any more */
	(void)tt_close(f.db);
	ck_ok(fault_env_power_on(fault));
	start();
	now = digest_dir(TREE_ROOT, 0);
	while (i > least && history[i - 1] != now)
		i--;
	ck_assert_msg(i > least,
		      "not a state of operations %zu to %zu after the crash",
		      least, n_history - 1);
	fixture_check(&f);
}

static void rounds(enum fault_cut how, void (*one_life)(void), uint64_t n)
{
	memset(data, 'z', sizeof(data));
	start();
	for (uint64_t i = 0; i < n; i++) {
		one_life();
		crash(how);
	}
	ck_ok(tree_close(f.t));
	ck_ok(tt_close(f.db));
}

START_TEST(a_kill_loses_nothing)
{
	rounds(CUT_NOTHING_LOST, live, test_scale(8));
}
END_TEST

START_TEST(a_power_cut_leaves_a_prefix)
{
	rounds(CUT_RANDOM, live, test_scale(10));
}
END_TEST

START_TEST(a_strict_power_cut_leaves_a_prefix)
{
	rounds(CUT_STRICT, live, test_scale(6));
}
END_TEST

START_TEST(big_removals_go_on_after_a_cut)
{
	rounds(CUT_RANDOM, live_large, test_scale(5));
}
END_TEST

static Suite *tree_crash_suite(void)
{
	Suite *s = suite_create("tree_crash");
	TCase *tc = tcase_create("crash");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_kill_loses_nothing);
	tcase_add_test(tc, a_power_cut_leaves_a_prefix);
	tcase_add_test(tc, a_strict_power_cut_leaves_a_prefix);
	tcase_add_test(tc, big_removals_go_on_after_a_cut);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(tree_crash_suite)
