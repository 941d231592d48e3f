/* SPDX-License-Identifier: MIT */
#include "bench/common/disk.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/err.h"

#define OPEN_DIRS 16

/* nftw() hands nothing through to its callback. */
static uint64_t sum;

static int add_one(const char *path, const struct stat *st, int type,
		   struct FTW *at)
{
	(void)path;
	(void)at;
	/* It may just have been removed: FTW_NS. */
	if (type == FTW_F)
		sum += (uint64_t)st->st_blocks * 512;
	return 0;
}

uint64_t disk_bytes(const char *dir)
{
	sum = 0;
	(void)nftw(dir, add_one, OPEN_DIRS, FTW_PHYS);
	return sum;
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	if (remove(path) < 0 && errno != ENOENT)
		return err_errno(errno, "cannot remove %s", path);
	return 0;
}

int disk_remove(const char *dir)
{
	struct stat st;
	int r;

	if (lstat(dir, &st) < 0)
		return errno == ENOENT ? 0 : err_errno(errno, "%s", dir);
	r = nftw(dir, remove_one, OPEN_DIRS, FTW_DEPTH | FTW_PHYS);
	return r == -1 ? err_errno(errno, "cannot walk %s", dir) : r;
}

int disk_make(const char *dir)
{
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s", dir);

	if (n < 0 || (size_t)n >= sizeof(path))
		return err_set(-ENAMETOOLONG, "%s: too long", dir);
	for (char *p = path + 1;; p++) {
		char was = *p;

		if (was && was != '/')
			continue;
		*p = 0;
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return err_errno(errno, "cannot make %s", path);
		if (!was)
			return 0;
		*p = was;
	}
}
