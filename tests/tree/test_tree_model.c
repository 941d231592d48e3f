/* SPDX-License-Identifier: MIT */
/*
 * The same random operations on the tree and on a real directory: results,
 * attributes, listings and contents must be the same throughout, also after
 * restarts and with files that are open while they lose their names.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "support/prng.h"
#include "support/tmpdir.h"
#include "tree/tree_fixture.h"

#define PATH_BYTES 64

#define N_OPS 3000
#define N_HANDLES 4
#define FILE_MAX 200000

static struct fixture f;
static char *real;
static struct rng rng;
static char data[FILE_MAX];

/* An open file on both sides. */
static struct handle {
	int fd; /* < 0: unused */
	uint64_t ino;
} handles[N_HANDLES];

static void setup(void)
{
	test_rng(&rng);
	fixture_open(&f);
	real = tmpdir_new();
	for (int i = 0; i < N_HANDLES; i++)
		handles[i].fd = -1;
}

static void teardown(void)
{
	fixture_close(&f);
	tmpdir_free(real);
}

/* The real side's path. */
static const char *on_disk(const char *path)
{
	return tmpdir_path(real, path);
}

/* 0 or -errno of a system call's result. */
static int sys(long r)
{
	return r < 0 ? -errno : 0;
}

static const char *random_path(void)
{
	static char bufs[4][PATH_BYTES];
	static unsigned turn;
	char *p = bufs[turn++ % 4];
	static const char *const names[] = { "a", "b", "a-b", "c", "a.b" };
	int depth = (int)rng_range(&rng, 1, 3);
	int n = 0;

	for (int i = 0; i < depth; i++)
		n += snprintf(p + n, PATH_BYTES - n, "%s%s", i ? "/" : "",
			      names[rng_below(&rng, 5)]);
	return p;
}

static bool is_prefix(const char *a, const char *b)
{
	size_t n = strlen(a);

	return !strncmp(a, b, n) && (b[n] == '/' || !b[n]);
}

static void same(const char *what, const char *p, const char *q, int mine,
		 int theirs)
{
	ck_assert_msg(mine == theirs, "%s %s %s: %s (%s), the disk says %s",
		      what, p, q ? q : "", err_name(mine), err_text(),
		      err_name(theirs));
}

/* A random piece of data: mostly bytes, sometimes zeros. */
static size_t random_data(void)
{
	static const size_t sizes[] = { 10, 1000, 4096, 5000, 40000 };
	size_t n = rng_range(&rng, 1, sizes[rng_below(&rng, 5)]);

	memset(data, (int)rng_range(&rng, 1, 255), n);
	if (rng_one_in(&rng, 4))
		memset(data, 0, n);
	if (rng_one_in(&rng, 4))
		memset(data + n / 2, 0, n - n / 2);
	return n;
}

static uint64_t random_off(void)
{
	static const uint64_t spans[] = { 1, 4096, 20000, 150000 };

	return rng_below(&rng, spans[rng_below(&rng, 4)]);
}

/* ---- comparing -------------------------------------------------------- */

static void same_contents(const char *what, uint64_t ino, int fd, uint64_t size)
{
	struct buf mine = BUF_INIT;
	char *theirs = malloc(size + 1);

	ck_ok(read_ino(f.t, ino, 0, size + 10, &mine));
	ck_assert_int_eq(pread(fd, theirs, size + 1, 0), (ssize_t)size);
	ck_assert_msg(mine.len == size, "%s: read %zu of %" PRIu64, what,
		      mine.len, size);
	for (size_t i = 0; i < size; i++)
		if ((char)mine.data[i] != theirs[i])
			ck_abort_msg("%s differs at %zu", what, i);
	free(theirs);
	buf_fini(&mine);
}

static void same_attr(const char *what, const struct tree_attr *a,
		      const struct stat *st)
{
	ck_assert_msg(a->mode == st->st_mode, "%s: mode %o, not %o", what,
		      a->mode, st->st_mode);
	ck_assert_msg(a->nlink == st->st_nlink, "%s: %u links, not %lu", what,
		      a->nlink, (unsigned long)st->st_nlink);
	if (!S_ISDIR(a->mode))
		ck_assert_msg(a->size == (uint64_t)st->st_size,
			      "%s: size %" PRIu64 ", not %ld", what, a->size,
			      (long)st->st_size);
}

static void same_inode(const char *path, const struct tree_attr *a)
{
	struct stat st;
	int fd;

	ck_assert_int_eq(lstat(on_disk(path), &st), 0);
	same_attr(path, a, &st);
	if (!S_ISREG(a->mode))
		return;
	fd = open(on_disk(path), O_RDONLY);
	same_contents(path, a->ino, fd, a->size);
	close(fd);
}

/* Counts what the tree lists, and compares each entry. */
struct listing {
	const char *dir;
	size_t n;
};

static void same_dir(const char *dir);

static int same_entry(void *arg, const struct tree_dirent *e)
{
	struct listing *l = arg;
	char path[300];

	if (e->cookie <= 2)
		return 0;
	l->n++;
	snprintf(path, sizeof(path), "%s%s%.*s", l->dir, *l->dir ? "/" : "",
		 (int)e->name.len, (const char *)e->name.data);
	same_inode(path, e->attr);
	if (S_ISDIR(e->attr->mode))
		same_dir(path);
	tree_forget(f.t, e->ino, 1);
	return 0;
}

static size_t count_real(const char *dir)
{
	DIR *d = opendir(on_disk(dir));
	size_t n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void same_dir(const char *dir)
{
	struct listing l = { dir, 0 };
	struct tree_attr a;
	struct tree_dir *d;

	ck_ok(path_lookup(f.t, dir, &a));
	ck_ok(tree_opendir(f.t, a.ino, &d));
	ck_ok(tree_readdir(d, 0, true, same_entry, &l));
	tree_closedir(d);
	tree_forget(f.t, a.ino, 1);
	ck_assert_uint_eq(l.n, count_real(dir));
}

/* ---- operations ------------------------------------------------------- */

static void op_names(void)
{
	const char *p = random_path();

	switch (rng_below(&rng, 5)) {
	case 0:
		same("mkdir", p, NULL, do_mkdir(f.t, p),
		     sys(mkdir(on_disk(p), 0755)));
		break;
	case 1:
		same("rmdir", p, NULL, do_rmdir(f.t, p),
		     sys(rmdir(on_disk(p))));
		break;
	case 2: {
		int fd = open(on_disk(p), O_CREAT | O_EXCL | O_WRONLY, 0644);

		same("create", p, NULL, do_create(f.t, p), sys(fd));
		if (fd >= 0)
			close(fd);
		break;
	}
	case 3:
		same("unlink", p, NULL, do_unlink(f.t, p),
		     sys(unlink(on_disk(p))));
		break;
	default:
		same("symlink", p, NULL, do_symlink(f.t, "/dev/null", p),
		     sys(symlink("/dev/null", on_disk(p))));
	}
}

static void op_rename(void)
{
	static const unsigned mine[] = { 0, 0, TREE_RENAME_NOREPLACE,
					 TREE_RENAME_EXCHANGE };
	static const unsigned theirs[] = { 0, 0, RENAME_NOREPLACE,
					   RENAME_EXCHANGE };
	const char *p = random_path(), *q = random_path();
	size_t i = rng_below(&rng, 4);

	/* which of several errors is told first is the kernel's business */
	if (strcmp(p, q) && (is_prefix(p, q) || is_prefix(q, p)))
		return;
	same("rename", p, q, do_rename(f.t, p, q, mine[i]),
	     sys(renameat2(AT_FDCWD, on_disk(p), AT_FDCWD, on_disk(q),
			   theirs[i])));
}

static void op_into_itself(void)
{
	const char *p = random_path(), *q = random_path();
	int mine, theirs;

	if (!strcmp(p, q) || (!is_prefix(p, q) && !is_prefix(q, p)))
		return;
	mine = do_rename(f.t, p, q, 0);
	theirs = sys(renameat2(AT_FDCWD, on_disk(p), AT_FDCWD, on_disk(q), 0));
	same("rename fails", p, q, mine < 0, theirs < 0);
}

static void op_link(void)
{
	const char *p = random_path(), *q = random_path();

	same("link", p, q, do_link(f.t, p, q),
	     sys(linkat(AT_FDCWD, on_disk(p), AT_FDCWD, on_disk(q), 0)));
}

/* Both sides of a regular file that exists, or false. */
static bool open_both(const char *p, struct tree_attr *a, int *fd)
{
	struct stat st;

	if (lstat(on_disk(p), &st) || !S_ISREG(st.st_mode))
		return false;
	*fd = open(on_disk(p), O_RDWR);
	ck_ok(path_lookup(f.t, p, a));
	return true;
}

static void change_contents(uint64_t ino, int fd)
{
	uint64_t off = random_off();
	size_t n = random_data();
	struct tree_attr in = { .size = off };
	int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

	switch (rng_below(&rng, 6)) {
	case 0:
		ck_ok(tree_setattr(f.t, ino, &in, TREE_SET_SIZE, NULL));
		ck_assert_int_eq(ftruncate(fd, (off_t)off), 0);
		break;
	case 1:
		ck_ok(tree_fallocate(f.t, ino, mode, off, n, 0));
		ck_assert_int_eq(fallocate(fd, mode, (off_t)off, (off_t)n), 0);
		break;
	case 2:
		ck_ok(tree_write(f.t, ino, 0, data, n, TREE_WRITE_APPEND,
				 NULL));
		ck_assert_int_eq(pwrite(fd, data, n, lseek(fd, 0, SEEK_END)),
				 (ssize_t)n);
		break;
	default:
		ck_ok(tree_write(f.t, ino, off, data, n, 0, NULL));
		ck_assert_int_eq(pwrite(fd, data, n, (off_t)off), (ssize_t)n);
	}
	if (lseek(fd, 0, SEEK_END) > FILE_MAX) {
		in.size = 0;
		ck_ok(tree_setattr(f.t, ino, &in, TREE_SET_SIZE, NULL));
		ck_assert_int_eq(ftruncate(fd, 0), 0);
	}
	same_contents("a file", ino, fd, (uint64_t)lseek(fd, 0, SEEK_END));
}

static void op_contents(void)
{
	const char *p = random_path();
	struct tree_attr a;
	int fd;

	if (!open_both(p, &a, &fd))
		return;
	change_contents(a.ino, fd);
	tree_forget(f.t, a.ino, 1);
	close(fd);
}

static void op_mode(void)
{
	const char *p = random_path();
	struct tree_attr a = { .mode = (uint32_t)rng_below(&rng, 01000) };
	struct tree_attr at;
	struct stat st;

	if (lstat(on_disk(p), &st) || S_ISLNK(st.st_mode))
		return;
	ck_assert_int_eq(chmod(on_disk(p), a.mode | 0700), 0);
	a.mode |= 0700;
	ck_ok(path_lookup(f.t, p, &at));
	ck_ok(tree_setattr(f.t, at.ino, &a, TREE_SET_MODE, NULL));
	tree_forget(f.t, at.ino, 1);
}

static void op_xattr(void)
{
	const char *p = random_path();
	const char *name = rng_one_in(&rng, 2) ? "user.x" : "user.y";
	size_t n = rng_below(&rng, 100), len;
	char mine[200], theirs[200];
	struct tree_attr a;
	ssize_t got;
	int fd, r;

	if (!open_both(p, &a, &fd))
		return;
	memset(data, 'v', n);
	if (rng_one_in(&rng, 3))
		same("removexattr", p, name,
		     tree_removexattr(f.t, a.ino, tt_str(name)),
		     sys(fremovexattr(fd, name)));
	else
		same("setxattr", p, name,
		     tree_setxattr(f.t, a.ino, tt_str(name), SLICE(data, n), 0),
		     sys(fsetxattr(fd, name, data, n, 0)));
	got = fgetxattr(fd, name, theirs, sizeof(theirs));
	r = tree_getxattr(f.t, a.ino, tt_str(name), mine, sizeof(mine), &len);
	same("getxattr", p, name, r, sys(got));
	if (r == 0)
		ck_assert_uint_eq(len, (size_t)got);
	got = flistxattr(fd, theirs, sizeof(theirs));
	ck_ok(tree_listxattr(f.t, a.ino, mine, sizeof(mine), &len));
	ck_assert_uint_eq(len, (size_t)got);
	tree_forget(f.t, a.ino, 1);
	close(fd);
}

/* Opens, uses or closes a file that may lose its names meanwhile. */
static void op_handle(void)
{
	struct handle *h = &handles[rng_below(&rng, N_HANDLES)];
	struct tree_attr a;
	struct stat st;

	if (h->fd < 0) {
		if (open_both(random_path(), &a, &h->fd))
			h->ino = a.ino;
		return;
	}
	ck_ok(tree_getattr(f.t, h->ino, &a));
	ck_assert_int_eq(fstat(h->fd, &st), 0);
	same_attr("an open file", &a, &st);
	change_contents(h->ino, h->fd);
	if (!rng_one_in(&rng, 5))
		return;
	close(h->fd);
	h->fd = -1;
	tree_forget(f.t, h->ino, 1);
}

static void close_handles(void)
{
	for (int i = 0; i < N_HANDLES; i++) {
		if (handles[i].fd < 0)
			continue;
		close(handles[i].fd);
		handles[i].fd = -1;
		tree_forget(f.t, handles[i].ino, 1);
	}
}

START_TEST(does_what_a_disk_does)
{
	static void (*const ops[])(void) = {
		op_names,	op_names,    op_names,	  op_rename,
		op_rename,	op_link,     op_mode,	  op_xattr,
		op_into_itself, op_contents, op_contents, op_handle,
	};
	uint64_t n = test_scale(N_OPS);

	for (uint64_t i = 0; i < n; i++) {
		ops[rng_below(&rng, sizeof(ops) / sizeof(*ops))]();
		if (i % 500 == 499)
			same_dir("");
		if (i % 1000 == 999) {
			close_handles();
			fixture_reopen(&f);
			same_dir("");
			fixture_check(&f);
		}
	}
	close_handles();
	same_dir("");
	fixture_check(&f);
}
END_TEST

static Suite *tree_model_suite(void)
{
	Suite *s = suite_create("tree_model");
	TCase *tc = tcase_create("model");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, does_what_a_disk_does);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(tree_model_suite)
