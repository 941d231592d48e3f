/* SPDX-License-Identifier: MIT */
/*
 * Many threads on one small tree: names are made, moved, exchanged, linked
 * and removed, files written and read, keys set, deleted and scanned. Nothing
 * may be torn, and the rows must keep every rule in the end.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "support/prng.h"
#include "tree/tree_fixture.h"

#define PATH_BYTES 64

#define N_THREADS 6
#define N_OPS 1500

static struct fixture f;
static uint64_t seed;
static uint64_t n_ops;

static void setup(void)
{
	seed = test_seed();
	n_ops = test_scale(N_OPS);
	fixture_open(&f);
}

static void teardown(void)
{
	fixture_close(&f);
}

static const char *random_path(struct rng *rng, char *p)
{
	static const char *const names[] = { "a", "b", "a-b", "c" };
	int depth = (int)rng_range(rng, 1, 3);
	int n = 0;

	for (int i = 0; i < depth; i++)
		n += snprintf(p + n, PATH_BYTES - n, "%s%s", i ? "/" : "",
			      names[rng_below(rng, 4)]);
	return p;
}

/* What concurrent use of names may answer; anything else is a defect. */
static void expect_sane(const char *what, int r)
{
	switch (r) {
	case 0:
	case -ENOENT:
	case -EEXIST:
	case -ENOTDIR:
	case -EISDIR:
	case -ENOTEMPTY:
	case -EINVAL:
	case -EPERM:
	case -ESTALE:
		return;
	}
	ck_abort_msg("%s: %s (%s)", what, err_name(r), err_text());
}

/* Writes a block of one letter; readers must find one letter. */
static void write_whole(struct rng *rng, const char *path)
{
	char data[20000];

	memset(data, (int)rng_range(rng, 'a', 'z'), sizeof(data));
	expect_sane("write", do_write(f.t, path, 0, data, sizeof(data)));
}

static int same_letters(void *arg, const struct iovec *iov, int n_iov,
			size_t total)
{
	const char *letter = NULL;

	(void)arg;
	(void)total;
	for (int i = 0; i < n_iov; i++) {
		const char *p = iov[i].iov_base;

		for (size_t k = 0; k < iov[i].iov_len; k++) {
			if (!letter)
				letter = p;
			if (p[k] != *letter)
				return -EUCLEAN;
		}
	}
	return 0;
}

static void read_whole(const char *path)
{
	struct tree_attr a;

	if (path_lookup(f.t, path, &a))
		return;
	if (S_ISREG(a.mode)) {
		int r = tree_read(f.t, a.ino, 0, 20000, same_letters, NULL);

		expect_sane("read", r);
	}
	tree_forget(f.t, a.ino, 1);
}

static int set_key(struct rng *rng, const char *key)
{
	char value[100];
	struct tree_op op = {
		.kind = TREE_OP_SET,
		.key = tt_str(key),
		.value = { value, rng_below(rng, sizeof(value)) },
	};

	memset(value, 'k', sizeof(value));
	return tree_key_apply(f.t, &op, 1, NULL, NULL);
}

static int set_two(const char *p, const char *q)
{
	struct tree_op ops[] = {
		{ .kind = TREE_OP_SET, .key = tt_str(p), .value = tt_str("1") },
		{ .kind = TREE_OP_SET, .key = tt_str(q), .value = tt_str("1") },
	};

	return tree_key_apply(f.t, ops, 2, NULL, NULL);
}

static int ignore_piece(void *arg, struct tt_slice piece)
{
	(void)arg;
	(void)piece;
	return 0;
}

/* Keys must come in order, whatever goes on. */
static void scan_all(bool reverse)
{
	struct tree_scan_options o = { .reverse = reverse };
	struct buf last = BUF_INIT;
	struct tree_scan_item item;
	struct tree_scan *s;
	int r;

	ck_ok(tree_scan_new(f.t, &o, &s));
	while ((r = tree_scan_next(s, &item)) == 0) {
		int c = slice_cmp(item.key, buf_slice(&last));

		ck_assert(last.len == 0 || (reverse ? c < 0 : c > 0));
		buf_set(&last, item.key);
		expect_sane("scan value",
			    tree_scan_value(s, 1 << 20, ignore_piece, NULL));
	}
	ck_err(r, TT_END);
	tree_scan_free(s);
	buf_fini(&last);
}

static int take_entry(void *arg, const struct tree_dirent *e)
{
	(void)arg;
	if (e->cookie > 2)
		tree_forget(f.t, e->ino, 1);
	return 0;
}

static void list(const char *path)
{
	struct tree_attr a;
	struct tree_dir *d;

	if (path_lookup(f.t, path, &a))
		return;
	if (S_ISDIR(a.mode) && tree_opendir(f.t, a.ino, &d) == 0) {
		expect_sane("readdir",
			    tree_readdir(d, 0, true, take_entry, NULL));
		tree_closedir(d);
	}
	tree_forget(f.t, a.ino, 1);
}

static void one_op(struct rng *rng, char *p, char *q)
{
	random_path(rng, p);
	random_path(rng, q);
	switch (rng_below(rng, 16)) {
	case 0:
	case 1:
		expect_sane("mkdir", do_mkdir(f.t, p));
		break;
	case 2:
		expect_sane("create", do_create(f.t, p));
		break;
	case 3:
		expect_sane("unlink", do_unlink(f.t, p));
		break;
	case 4:
		expect_sane("rmdir", do_rmdir(f.t, p));
		break;
	case 5:
	case 6:
		expect_sane("rename", do_rename(f.t, p, q, 0));
		break;
	case 7:
		expect_sane("exchange",
			    do_rename(f.t, p, q, TREE_RENAME_EXCHANGE));
		break;
	case 8:
		expect_sane("link", do_link(f.t, p, q));
		break;
	case 9:
		expect_sane("set", set_key(rng, p));
		break;
	case 10:
		expect_sane("delete", do_del(f.t, p, rng_one_in(rng, 4)));
		break;
	case 11:
		expect_sane("set two", set_two(p, q));
		break;
	case 12:
		write_whole(rng, p);
		break;
	case 13:
		read_whole(p);
		break;
	case 14:
		list(rng_one_in(rng, 2) ? "" : p);
		break;
	default:
		if (rng_one_in(rng, 8))
			scan_all(rng_one_in(rng, 2));
	}
}

static void *run(void *arg)
{
	char p[PATH_BYTES], q[PATH_BYTES];
	struct rng rng;

	rng_init(&rng, seed + (uintptr_t)arg);
	for (uint64_t i = 0; i < n_ops; i++)
		one_op(&rng, p, q);
	return NULL;
}

START_TEST(threads_leave_a_whole_tree)
{
	pthread_t th[N_THREADS];

	for (uintptr_t i = 0; i < N_THREADS; i++)
		ck_assert_int_eq(pthread_create(&th[i], NULL, run, (void *)i),
				 0);
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(th[i], NULL);
	fixture_check(&f);
	fixture_reopen(&f);
	fixture_check(&f);
}
END_TEST

static Suite *tree_threads_suite(void)
{
	Suite *s = suite_create("tree_threads");
	TCase *tc = tcase_create("threads");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, threads_leave_a_whole_tree);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(tree_threads_suite)
