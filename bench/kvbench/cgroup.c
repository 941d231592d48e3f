/* SPDX-License-Identifier: MIT */
#include "cgroup.h"

#include <inttypes.h>
#include <linux/magic.h>
#include <mntent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/err.h"

/* The kernel may take a moment to notice that the last process has gone. */
#define REMOVE_TRIES 100
#define REMOVE_WAIT_US 10000

static int find_root(char *out, size_t cap)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	const struct mntent *m = NULL;

	while (f && (m = getmntent(f)))
		if (!strcmp(m->mnt_type, "cgroup2"))
			break;
	if (m)
		snprintf(out, cap, "%s", m->mnt_dir);
	if (f)
		(void)endmntent(f);
	return m ? 0 : err_set(-ENOENT, "no cgroup2 hierarchy is mounted");
}

static int check_is_cgroup2(const char *dir)
{
	struct statfs fs;

	if (statfs(dir, &fs) < 0)
		return err_errno(errno, "%s", dir);
	if (fs.f_type != CGROUP2_SUPER_MAGIC)
		return err_set(-EINVAL, "%s is no cgroup2 directory", dir);
	return 0;
}

static int write_file(const char *dir, const char *name, const char *text)
{
	char path[4200];
	FILE *f;
	int r = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r+e");
	if (!f)
		return err_errno(errno, "%s", path);
	if (fputs(text, f) == EOF || fflush(f) == EOF)
		r = err_errno(errno, "%s", path);
	(void)fclose(f);
	return r;
}

/* Whether the first line of a file of `dir` has this word. */
static bool has_word(const char *dir, const char *name, const char *word)
{
	char path[4200], line[512] = "";
	char *save = NULL, *at;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(line, sizeof(line), f))
		line[0] = 0;
	(void)fclose(f);
	for (at = strtok_r(line, " \n", &save); at;
	     at = strtok_r(NULL, " \n", &save))
		if (!strcmp(at, word))
			return true;
	return false;
}

/* Sees to it that cgroups made under `parent` can bound memory. */
static int want_memory(const char *parent)
{
	if (!has_word(parent, "cgroup.controllers", "memory"))
		return err_set(-ENODEV, "%s has no memory controller", parent);
	if (has_word(parent, "cgroup.subtree_control", "memory"))
		return 0;
	return write_file(parent, "cgroup.subtree_control", "+memory");
}

static int set_limit(const struct cgroup *c, uint64_t bytes)
{
	char text[32];
	int r;

	snprintf(text, sizeof(text), "%" PRIu64, bytes);
	r = write_file(c->dir, "memory.max", text);
	if (r < 0)
		return r;
	r = write_file(c->dir, "memory.swap.max", "0");
	return r == -ENOENT ? 0 : r; /* a kernel without swap */
}

int cgroup_new(struct cgroup *c, const char *parent, uint64_t memory_bytes)
{
	char root[4000];
	int r = 0;

	if (*parent)
		snprintf(root, sizeof(root), "%s", parent);
	else
		r = find_root(root, sizeof(root));
	if (r == 0)
		r = check_is_cgroup2(root);
	if (r == 0)
		r = want_memory(root);
	if (r < 0)
		return r;
	snprintf(c->dir, sizeof(c->dir), "%s/kvbench-%d", root, getpid());
	if (mkdir(c->dir, 0755) < 0)
		return err_errno(errno, "cannot make %s", c->dir);
	r = set_limit(c, memory_bytes);
	if (r < 0)
		(void)rmdir(c->dir);
	return r;
}

int cgroup_enter(const struct cgroup *c)
{
	return write_file(c->dir, "cgroup.procs", "0");
}

void cgroup_remove(const struct cgroup *c)
{
	for (int i = 0; i < REMOVE_TRIES; i++) {
		if (rmdir(c->dir) == 0 || errno != EBUSY)
			return;
		usleep(REMOVE_WAIT_US);
	}
}
