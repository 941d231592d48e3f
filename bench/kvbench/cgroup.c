/* SPDX-License-Identifier: MIT */
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <mntent.h>
#include <signal.h>
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

struct cgroup_files {
	const char *limit;
	/* Of version 1 it bounds both together; not there without swap. */
	const char *swap;
	const char *peak;
	bool swap_is_sum;
};

static const struct cgroup_files version_1 = {
	.limit = "memory.limit_in_bytes",
	.swap = "memory.memsw.limit_in_bytes",
	.peak = "memory.max_usage_in_bytes",
	.swap_is_sum = true,
};

static const struct cgroup_files version_2 = {
	.limit = "memory.max",
	.swap = "memory.swap.max",
	.peak = "memory.peak",
};

/* ---- files ------------------------------------------------------------- */

static FILE *open_file(const char *dir, const char *name, const char *mode)
{
	char path[4200];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return fopen(path, mode);
}

static int write_file(const char *dir, const char *name, const char *text)
{
	FILE *f = open_file(dir, name, "r+e");
	int r = 0;

	if (!f)
		return err_errno(errno, "%s/%s", dir, name);
	if (fputs(text, f) == EOF || fflush(f) == EOF)
		r = err_errno(errno, "%s/%s", dir, name);
	(void)fclose(f);
	return r;
}

/* The first line of a file, empty when it cannot be read. */
static void read_line(const char *dir, const char *name, char *out, int cap)
{
	FILE *f = open_file(dir, name, "re");

	if (!f || !fgets(out, cap, f))
		out[0] = 0;
	if (f)
		(void)fclose(f);
}

/* Whether the first line of a file of `dir` has this word. */
static bool has_word(const char *dir, const char *name, const char *word)
{
	char line[512];
	char *save = NULL, *at;

	read_line(dir, name, line, sizeof(line));
	for (at = strtok_r(line, " \n", &save); at;
	     at = strtok_r(NULL, " \n", &save))
		if (!strcmp(at, word))
			return true;
	return false;
}

/* ---- hierarchies ------------------------------------------------------- */

/* Whether cgroups made in this mounted hierarchy may bound memory. A machine
 * may have both versions; only one of them has the controller. */
static bool bounds_memory(const struct mntent *m)
{
	if (!strcmp(m->mnt_type, "cgroup2"))
		return has_word(m->mnt_dir, "cgroup.controllers", "memory");
	return !strcmp(m->mnt_type, "cgroup") && hasmntopt(m, "memory");
}

static int find_root(char *out, size_t cap)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	const struct mntent *m = NULL;

	while (f && (m = getmntent(f)))
		if (bounds_memory(m))
			break;
	if (m)
		snprintf(out, cap, "%s", m->mnt_dir);
	if (f)
		(void)endmntent(f);
	return m ? 0
		 : err_set(-ENOENT,
			   "no cgroup hierarchy with the memory controller is "
			   "mounted");
}

static int find_version(const char *dir, const struct cgroup_files **out)
{
	struct statfs fs;

	if (statfs(dir, &fs) < 0)
		return err_errno(errno, "%s", dir);
	if (fs.f_type == CGROUP2_SUPER_MAGIC)
		*out = &version_2;
	else if (fs.f_type == CGROUP_SUPER_MAGIC)
		*out = &version_1;
	else
		return err_set(-EINVAL, "%s is no cgroup directory", dir);
	return 0;
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

/* ---- one of our own ---------------------------------------------------- */

static int set_limit(const struct cgroup *c, uint64_t bytes)
{
	char text[32];
	int r;

	snprintf(text, sizeof(text), "%" PRIu64, bytes);
	r = write_file(c->dir, c->files->limit, text);
	if (r < 0)
		return r;
	r = write_file(c->dir, c->files->swap,
		       c->files->swap_is_sum ? text : "0");
	return r == -ENOENT ? 0 : r; /* a kernel without swap */
}

/* Removes what runs that were killed have left. */
static void remove_stale(const char *root)
{
	DIR *d = opendir(root);
	const struct dirent *e;
	char path[4200];
	int pid;

	while (d && (e = readdir(d))) {
		if (sscanf(e->d_name, "kvbench-%d", &pid) != 1 ||
		    kill(pid, 0) == 0 || errno != ESRCH)
			continue;
		snprintf(path, sizeof(path), "%s/kvbench-%d", root, pid);
		(void)rmdir(path);
	}
	if (d)
		(void)closedir(d);
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
		r = find_version(root, &c->files);
	if (r == 0 && c->files == &version_2)
		r = want_memory(root);
	if (r < 0)
		return r;
	remove_stale(root);
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

uint64_t cgroup_peak_bytes(const struct cgroup *c)
{
	char line[64];
	uint64_t bytes = 0;

	read_line(c->dir, c->files->peak, line, sizeof(line));
	(void)sscanf(line, "%" SCNu64, &bytes);
	return bytes;
}

void cgroup_remove(const struct cgroup *c)
{
	for (int i = 0; i < REMOVE_TRIES; i++) {
		if (rmdir(c->dir) == 0 || errno != EBUSY)
			return;
		usleep(REMOVE_WAIT_US);
	}
}
