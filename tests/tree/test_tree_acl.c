/* SPDX-License-Identifier: MIT */
/*
 * POSIX ACLs: what is refused, what directories pass on, and that modes and
 * ACLs never disagree. Who may do what by an ACL is the kernel's to decide.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tree/acl.h"
#include "tree/schema_format.h"
#include "tree/schema_key.h"
#include "tree/tree_fixture.h"

#define ACCESS tt_str(SCHEMA_ACL_ACCESS)
#define DEFAULT tt_str(SCHEMA_ACL_DEFAULT)

static struct fixture f;
static uint64_t dir; /* "d", looked up */

static void setup(void)
{
	struct tree_attr a;

	fixture_open(&f);
	ck_ok(do_mkdir(f.t, "d"));
	ck_ok(path_lookup(f.t, "d", &a));
	dir = a.ino;
}

static void teardown(void)
{
	tree_forget(f.t, dir, 1);
	fixture_check(&f);
	fixture_close(&f);
}

/* ---- ACLs as text: "u:7 u1234:6 g:5 g9:1 m:7 o:0" ---------------------- */

struct acl {
	size_t len;
	uint8_t b[512];
};

static unsigned tag_of(char class, bool is_named)
{
	switch (class) {
	case 'u':
		return is_named ? SCHEMA_ACL_USER : SCHEMA_ACL_USER_OBJ;
	case 'g':
		return is_named ? SCHEMA_ACL_GROUP : SCHEMA_ACL_GROUP_OBJ;
	case 'm':
		return SCHEMA_ACL_MASK;
	default:
		return SCHEMA_ACL_OTHER;
	}
}

static struct tt_slice make(struct acl *acl, const char *text)
{
	struct schema_acl head = { le32_make(SCHEMA_ACL_VERSION) };

	memcpy(acl->b, &head, sizeof(head));
	acl->len = sizeof(head);
	while (*text) {
		char class = *text++;
		bool is_named = *text != ':';
		uint32_t id = UINT32_MAX;
		struct schema_acl_entry e;
		char *end;

		if (is_named)
			id = (uint32_t)strtoul(text, &end, 10);
		else
			end = (char *)text;
		e.tag = le16_make((uint16_t)tag_of(class, is_named));
		e.perm = le16_make((uint16_t)strtoul(end + 1, &end, 8));
		e.id = le32_make(id);
		memcpy(acl->b + acl->len, &e, sizeof(e));
		acl->len += sizeof(e);
		text = *end ? end + 1 : end;
	}
	return SLICE(acl->b, acl->len);
}

static char class_of(unsigned tag)
{
	switch (tag) {
	case SCHEMA_ACL_USER_OBJ:
	case SCHEMA_ACL_USER:
		return 'u';
	case SCHEMA_ACL_GROUP_OBJ:
	case SCHEMA_ACL_GROUP:
		return 'g';
	case SCHEMA_ACL_MASK:
		return 'm';
	default:
		return 'o';
	}
}

/* The ACL as text, "" when there is none; valid until the next call. */
static const char *acl_of(uint64_t ino, struct tt_slice name)
{
	static char text[512];
	struct schema_acl_entry e;
	uint8_t b[512];
	size_t len, at = 0;
	int r = tree_getxattr(f.t, ino, name, b, sizeof(b), &len);

	text[0] = '\0';
	if (r == -ENODATA)
		return text;
	ck_ok(r);
	for (size_t i = sizeof(struct schema_acl); i < len; i += sizeof(e)) {
		char id[12] = "";

		memcpy(&e, b + i, sizeof(e));
		if (le32_get(e.id) != UINT32_MAX)
			snprintf(id, sizeof(id), "%u", le32_get(e.id));
		at += (size_t)snprintf(text + at, sizeof(text) - at,
				       "%s%c%s:%o", at ? " " : "",
				       class_of(le16_get(e.tag)), id,
				       le16_get(e.perm));
	}
	return text;
}

static int set(uint64_t ino, struct tt_slice name, const char *text)
{
	struct acl acl;

	return tree_setxattr(f.t, ino, name, make(&acl, text), 0);
}

static uint32_t mode_of(uint64_t ino)
{
	struct tree_attr a;

	ck_ok(tree_getattr(f.t, ino, &a));
	return a.mode & 07777;
}

static void chmod_to(uint64_t ino, uint32_t mode)
{
	struct tree_attr in = { .mode = mode };

	ck_ok(tree_setattr(f.t, ino, &in, TREE_SET_MODE, NULL));
}

/* A file "d/f" made with that mode; it keeps its lookup. */
static uint64_t made(const char *name, uint32_t mode, uint32_t umask)
{
	struct tree_cred cred = { 1, 2, umask };
	struct tree_attr a;
	bool created;

	ck_ok(tree_create(f.t, dir, tt_str(name), &cred, mode, true, &created,
			  &a));
	return a.ino;
}

/* ---- the tests ---------------------------------------------------------- */

START_TEST(without_a_default_acl_the_umask_counts)
{
	uint64_t ino = made("f", 0666, 027);

	ck_assert_uint_eq(mode_of(ino), 0640);
	tree_forget(f.t, ino, 1);
}
END_TEST

START_TEST(a_default_acl_is_passed_on_instead_of_the_umask)
{
	struct tree_cred cred = { 1, 2, 077 };
	struct tree_attr sub;
	uint64_t ino;

	ck_ok(set(dir, DEFAULT, "u:7 u1234:7 g:5 m:7 o:1"));
	ck_assert_uint_eq(mode_of(dir), 0755); /* of no effect here */
	ino = made("f", 0666, 077);
	ck_assert_str_eq(acl_of(ino, ACCESS), "u:6 u1234:7 g:5 m:6 o:0");
	ck_assert_str_eq(acl_of(ino, DEFAULT), "");
	ck_assert_uint_eq(mode_of(ino), 0660);
	tree_forget(f.t, ino, 1);
	ck_ok(tree_mkdir(f.t, dir, tt_str("sub"), &cred, 0777, &sub));
	ck_assert_str_eq(acl_of(sub.ino, ACCESS), "u:7 u1234:7 g:5 m:7 o:1");
	ck_assert_str_eq(acl_of(sub.ino, DEFAULT), "u:7 u1234:7 g:5 m:7 o:1");
	ck_assert_uint_eq(sub.mode & 07777, 0771);
	tree_forget(f.t, sub.ino, 1);
}
END_TEST

START_TEST(a_default_acl_that_is_a_mode_leaves_a_mode)
{
	uint64_t ino;

	ck_ok(set(dir, DEFAULT, "u:7 g:0 o:0"));
	ino = made("f", 0666, 0);
	ck_assert_str_eq(acl_of(ino, ACCESS), "");
	ck_assert_uint_eq(mode_of(ino), 0600);
	tree_forget(f.t, ino, 1);
}
END_TEST

START_TEST(unnamed_files_and_nodes_inherit_and_links_do_not)
{
	struct tree_cred cred = { 0, 0, 022 };
	struct tree_attr a;

	ck_ok(set(dir, DEFAULT, "u:7 u9:4 g:7 m:7 o:7"));
	ck_ok(tree_tmpfile(f.t, dir, &cred, 0666, &a));
	ck_assert_str_eq(acl_of(a.ino, ACCESS), "u:6 u9:4 g:7 m:6 o:6");
	tree_forget(f.t, a.ino, 1);
	ck_ok(tree_mknod(f.t, dir, tt_str("p"), &cred, S_IFIFO | 0640, 0, &a));
	ck_assert_str_eq(acl_of(a.ino, ACCESS), "u:6 u9:4 g:7 m:4 o:0");
	tree_forget(f.t, a.ino, 1);
	ck_ok(tree_symlink(f.t, dir, tt_str("l"), &cred, tt_str("x"), &a));
	ck_assert_str_eq(acl_of(a.ino, ACCESS), "");
	ck_assert_uint_eq(a.mode, S_IFLNK | 0777);
	tree_forget(f.t, a.ino, 1);
}
END_TEST

START_TEST(the_mode_follows_the_acl_and_the_acl_the_mode)
{
	uint64_t ino = made("f", 0600, 0);

	ck_ok(set(ino, ACCESS, "u:7 u5:6 g:4 m:5 o:1"));
	ck_assert_uint_eq(mode_of(ino), 0751);
	chmod_to(ino, 0640);
	ck_assert_str_eq(acl_of(ino, ACCESS), "u:6 u5:6 g:4 m:4 o:0");
	/* without a mask the group entry stands for the group bits */
	ck_ok(set(ino, ACCESS, "u:7 g:5 o:5"));
	ck_assert_str_eq(acl_of(ino, ACCESS), "");
	ck_assert_uint_eq(mode_of(ino), 0755);
	chmod_to(ino, 0711);
	ck_assert_uint_eq(mode_of(ino), 0711);
	tree_forget(f.t, ino, 1);
}
END_TEST

START_TEST(removing_an_acl_keeps_the_mode)
{
	uint64_t ino = made("f", 0600, 0);

	ck_ok(set(ino, ACCESS, "u:6 u5:6 g:4 m:6 o:0"));
	ck_ok(tree_removexattr(f.t, ino, ACCESS));
	ck_assert_uint_eq(mode_of(ino), 0660);
	ck_ok(tree_removexattr(f.t, ino, ACCESS)); /* none: no failure */
	ck_ok(set(dir, DEFAULT, "u:7 g:0 o:0"));
	ck_ok(set(dir, DEFAULT, "")); /* no entries: removed */
	ck_assert_str_eq(acl_of(dir, DEFAULT), "");
	tree_forget(f.t, ino, 1);
}
END_TEST

START_TEST(setgid_is_cleared_when_asked)
{
	struct acl acl;
	uint64_t ino = made("f", 02750, 0);

	ck_ok(set(ino, ACCESS, "u:7 u5:6 g:5 m:7 o:0"));
	ck_assert_uint_eq(mode_of(ino), 02770);
	make(&acl, "u:7 u5:6 g:5 m:5 o:0");
	ck_ok(tree_setxattr(f.t, ino, ACCESS, SLICE(acl.b, acl.len),
			    TREE_XATTR_KILL_SGID));
	ck_assert_uint_eq(mode_of(ino), 0750);
	tree_forget(f.t, ino, 1);
}
END_TEST

START_TEST(what_is_no_acl_is_refused)
{
	static const char *const bad[] = {
		"u:7 g:7",	       /* no other */
		"u:7 u5:7 g:7 o:7",    /* no mask */
		"g:7 u:7 o:7",	       /* order */
		"u:7 u:7 g:7 o:7",     /* twice */
		"u:7 g:7 m:7 m:7 o:7", /* twice */
		"u:10 g:7 o:7",	       /* a bit too many */
	};
	uint64_t ino = made("f", 0640, 0);
	struct acl acl;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_err(set(ino, ACCESS, bad[i]), -EINVAL);
	make(&acl, "u:7 g:7 o:7");
	ck_err(tree_setxattr(f.t, ino, ACCESS, SLICE(acl.b, acl.len - 1), 0),
	       -EINVAL);
	acl.b[0] = 3;
	ck_err(tree_setxattr(f.t, ino, ACCESS, SLICE(acl.b, acl.len), 0),
	       -EINVAL);
	ck_err(tree_setxattr(f.t, ino, ACCESS, tt_str(""), 0), -EINVAL);
	ck_err(set(ino, DEFAULT, "u:7 g:7 o:7"), -EACCES);
	ck_assert_uint_eq(mode_of(ino), 0640);
	tree_forget(f.t, ino, 1);
}
END_TEST

/* Keys go the same way, also several in one change. */
START_TEST(keys_inherit_and_replacements_keep)
{
	struct tree_op ops[] = {
		{ .kind = TREE_OP_SET,
		  .key = SLICE("d/x/y", 5),
		  .value = SLICE("1", 1) },
		{ .kind = TREE_OP_SET,
		  .key = SLICE("d/x/y", 5),
		  .value = SLICE("2", 1) },
		{ .kind = TREE_OP_SET,
		  .key = SLICE("d/x/z", 5),
		  .value = SLICE("3", 1) },
		{ .kind = TREE_OP_DELETE, .key = SLICE("d/x/z", 5) },
	};
	struct tree_attr a;

	ck_ok(set(dir, DEFAULT, "u:7 u5:6 g:7 m:7 o:4"));
	ck_ok(tree_key_apply(f.t, ops, 4, NULL, NULL));
	ck_ok(path_lookup(f.t, "d/x/y", &a));
	ck_assert_str_eq(acl_of(a.ino, ACCESS), "u:6 u5:6 g:7 m:6 o:4");
	ck_ok(set(a.ino, ACCESS, "u:7 u5:7 g:7 m:7 o:0"));
	tree_forget(f.t, a.ino, 1);
	ck_ok(do_set(f.t, "d/x/y", "4"));
	ck_ok(do_set(f.t, "d/x/y", "5"));
	fixture_reopen(&f);
	ck_ok(path_lookup(f.t, "d/x/y", &a));
	ck_assert_str_eq(acl_of(a.ino, ACCESS), "u:7 u5:7 g:7 m:7 o:0");
	ck_assert_uint_eq(a.mode & 07777, 0770);
	tree_forget(f.t, a.ino, 1);
	ck_ok(path_lookup(f.t, "d/x", &a));
	ck_assert_str_eq(acl_of(a.ino, DEFAULT), "u:7 u5:6 g:7 m:7 o:4");
	tree_forget(f.t, a.ino, 1);
	ck_ok(path_lookup(f.t, "d", &a)); /* for teardown */
}
END_TEST

/* What is stored may be damaged. */
START_TEST(a_stored_acl_that_is_none_is_corrupt)
{
	static const uint8_t row[] = { SCHEMA_HEAD_XATTR, 2, 0, 0, 0, 1 };
	struct tree_cred cred = { 0, 0, 0 };
	struct schema_key k;
	struct tree_attr a;
	bool created;

	ck_ok(set(dir, DEFAULT, "u:7 g:0 o:0"));
	ck_ok(tt_put(f.db, NULL, key_xattr(&k, dir, DEFAULT),
		     SLICE(row, sizeof(row)), NULL));
	ck_err(tree_create(f.t, dir, tt_str("f"), &cred, 0600, true, &created,
			   &a),
	       TT_ECORRUPT);
	ck_ok(set(dir, DEFAULT, "u:7 g:0 o:0"));
}
END_TEST

/* What the check says, for the next two. */
static char said[500];

static void note(void *arg, const char *text)
{
	(void)arg;
	snprintf(said, sizeof(said), "%s", text);
}

static const char *check_says(const void *row, size_t len, struct tt_slice name)
{
	struct schema_key k;

	ck_ok(tt_put(f.db, NULL, key_xattr(&k, dir, name), SLICE(row, len),
		     NULL));
	ck_assert_int_eq(tree_check(f.db, note, NULL), 1);
	return said;
}

START_TEST(the_check_finds_acls_that_are_wrong)
{
	uint8_t row[1 + sizeof(struct acl)] = { SCHEMA_HEAD_XATTR };
	struct acl acl;

	chmod_to(dir, 0755);
	ck_ok(set(dir, ACCESS, "u:7 u5:6 g:5 m:5 o:5"));
	ck_ok(tree_check(f.db, note, NULL));
	make(&acl, "u:7 u5:6 g:5 m:7 o:5");
	memcpy(row + 1, acl.b, acl.len);
	ck_assert_ptr_nonnull(strstr(check_says(row, 1 + acl.len, ACCESS),
				     "mode 755, its ACL says 775"));
	ck_assert_ptr_nonnull(strstr(check_says(row, acl.len, ACCESS),
				     "an ACL that is none"));
	ck_ok(set(dir, ACCESS, "u:7 g:5 o:5"));
}
END_TEST

static Suite *tree_acl_suite(void)
{
	const TTest *const tests[] = {
		without_a_default_acl_the_umask_counts,
		a_default_acl_is_passed_on_instead_of_the_umask,
		a_default_acl_that_is_a_mode_leaves_a_mode,
		unnamed_files_and_nodes_inherit_and_links_do_not,
		the_mode_follows_the_acl_and_the_acl_the_mode,
		removing_an_acl_keeps_the_mode,
		setgid_is_cleared_when_asked,
		what_is_no_acl_is_refused,
		keys_inherit_and_replacements_keep,
		a_stored_acl_that_is_none_is_corrupt,
		the_check_finds_acls_that_are_wrong,
	};
	Suite *s = suite_create("tree_acl");
	TCase *tc = tcase_create("acl");

	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(tree_acl_suite)
