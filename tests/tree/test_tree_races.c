/* SPDX-License-Identifier: MIT */
/*
 * What comes between two reads of one operation: over the engine's model,
 * which calls us there. And what the sweeper does meanwhile.
 */
#include <string.h>

#include "support/mem_engine/mem_engine.h"
#include "tree/schema_key.h"
#include "tree/sweep_now.h"
#include "tree/sweeper.h"
#include "tree/tree_fixture.h"
#include "tree/tree_priv.h"

static struct fixture f;
static struct schema_key key;

static void setup(void)
{
	fixture_open(&f);
	ck_ok(do_set(f.t, "k", "old"));
}

static void teardown(void)
{
	fixture_check(&f);
	fixture_close(&f);
}

/* ---- a key with two names is replaced --------------------------------- */

static void replace_linked(void *arg)
{
	(void)arg;
	ck_ok(do_unlink(f.t, "other"));
	ck_ok(do_set(f.t, "k", "newer"));
}

START_TEST(a_key_that_is_replaced_is_never_absent)
{
	struct tree_attr a;
	int r;

	ck_ok(do_link(f.t, "k", "other"));
	mem_engine_before_get(f.db, key_inode(&key, path_ino(f.t, "k", &r)),
			      replace_linked, NULL);
	ck_ok(tree_key_stat(f.t, tt_str("k"), &a));
	ck_assert_uint_eq(a.size, 5);
}
END_TEST

START_TEST(a_value_that_is_replaced_is_never_absent)
{
	int r;

	ck_ok(do_link(f.t, "k", "other"));
	mem_engine_before_get(f.db, key_inode(&key, path_ino(f.t, "k", &r)),
			      replace_linked, NULL);
	ck_assert_str_eq(do_get(f.t, "k"), "newer");
}
END_TEST

/* ---- the sweeper meets a file that has just become an orphan ---------- */

static struct tree_attr opened;

static void open_and_unlink(void *arg)
{
	(void)arg;
	ck_ok(path_lookup(f.t, "k", &opened));
	/* something to sweep, without which there would be no O row */
	ck_ok(tree_setxattr(f.t, opened.ino, tt_str("user.a"), tt_str("b"), 0));
	ck_ok(do_unlink(f.t, "k"));
}

START_TEST(an_orphan_in_use_is_not_swept)
{
	struct buf b = BUF_INIT;
	int r;
	uint64_t ino = path_ino(f.t, "k", &r);

	/* numbers may be queued long after there was a reason */
	mem_engine_before_get(f.db, key_orphan(&key, ino), open_and_unlink,
			      NULL);
	ck_ok(sweep_orphan_now(f.t, ino));
	ck_assert_uint_eq(opened.ino, ino);
	ck_ok(read_ino(f.t, ino, 0, 10, &b));
	ck_assert(slice_eq(buf_slice(&b), SLICE_LIT("old")));
	buf_fini(&b);
	tree_forget(f.t, ino, 1);
}
END_TEST

/* ---- what the sweeper removes is told ---------------------------------- */

static _Atomic uint64_t heard;

static void hear(void *arg, uint64_t ino)
{
	if (ino == *(uint64_t *)arg)
		heard = ino;
}

START_TEST(a_link_lost_in_the_background_is_told)
{
	uint64_t ino = 0;
	struct tree_listener l = { .inode_changed = hear, .arg = &ino };
	struct tree_attr a;

	heard = 0;
	tree_set_listener(f.t, &l);
	ck_ok(do_set(f.t, "d/e/x", "1"));
	ck_ok(do_link(f.t, "d/e/x", "kept"));
	ck_ok(path_lookup(f.t, "kept", &a));
	ino = a.ino;
	ck_ok(do_del(f.t, "d", true));
	fixture_check(&f);
	ck_assert_uint_eq(heard, ino);
	ck_ok(tree_getattr(f.t, ino, &a));
	ck_assert_uint_eq(a.nlink, 1);
	tree_forget(f.t, ino, 1);
}
END_TEST

/* ---- damage ------------------------------------------------------------ */

START_TEST(directories_in_a_circle_are_damage)
{
	struct schema_inode row;
	struct tt_pinned pin;
	uint64_t a, b;
	int r;

	ck_ok(do_mkdir(f.t, "a"));
	ck_ok(do_mkdir(f.t, "a/b"));
	ck_ok(do_mkdir(f.t, "m"));
	a = path_ino(f.t, "a", &r);
	b = path_ino(f.t, "a/b", &r);
	ck_ok(tt_get_pinned(f.db, NULL, key_inode(&key, a), &pin));
	memcpy(&row, pin.value.data, sizeof(row));
	row.parent = le64_make(b);
	ck_ok(tt_put(f.db, NULL, key_slice(&key), SLICE(&row, sizeof(row)),
		     NULL));
	ck_err(do_rename(f.t, "m", "a/b/m", 0), TT_ECORRUPT);
	ck_ok(tt_put(f.db, NULL, key_slice(&key), pin.value, NULL));
	tt_unpin(&pin);
}
END_TEST

static Suite *tree_races_suite(void)
{
	Suite *s = suite_create("tree_races");
	TCase *tc = tcase_create("races");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_key_that_is_replaced_is_never_absent);
	tcase_add_test(tc, a_value_that_is_replaced_is_never_absent);
	tcase_add_test(tc, an_orphan_in_use_is_not_swept);
	tcase_add_test(tc, a_link_lost_in_the_background_is_told);
	tcase_add_test(tc, directories_in_a_circle_are_damage);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(tree_races_suite)
