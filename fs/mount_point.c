/* SPDX-License-Identifier: MIT */
#include "fs/mount_point.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/log.h"

extern char **environ;

#define ANSWER_MS 10000 /* a live mount answers statfs() within it */

/* ---- the mount table ----------------------------------------------------- */

/* "\040" and the like back into bytes, in place. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] &&
		    s[3]) {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 |
				       (s[3] - '0'));
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

/* "36 35 98:0 /root /mnt/point opts … - type source …" */
static bool parse_line(char *line, const char *path, struct mount_entry *out)
{
	struct mount_entry e;
	char *field[5], *save = NULL, *tail;

	tail = strstr(line, " - ");
	if (!tail || sscanf(tail, " - %63s", e.type) != 1)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(field); i++)
		if (!(field[i] = strtok_r(i ? NULL : line, " ", &save)))
			return false;
	/* NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers */
	if (sscanf(field[2], "%u:%u", &e.dev_major, &e.dev_minor) != 2)
		return false;
	unescape(field[4]);
	if (strcmp(field[4], path) != 0)
		return false;
	*out = e;
	return true;
}

int mount_point_find(const char *path, struct mount_entry *out)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t cap = 0;
	int r = TT_NOTFOUND;

	if (!f)
		return err_errno(errno, "/proc/self/mountinfo: cannot open");
	/* The last one listed lies on top. */
	while (getline(&line, &cap, f) >= 0)
		if (parse_line(line, path, out))
			r = 0;
	free(line);
	(void)fclose(f); /* was only read */
	return r;
}

/* ---- taking a mount away -------------------------------------------------- */

static int run_fusermount(const char *path, bool is_lazy)
{
	const char *argv[] = { "fusermount3", is_lazy ? "-uqz" : "-uq", "--",
			       path, NULL };
	int status;
	pid_t pid;
	/* The prototype lacks a const that exec's history forbids. */
	int r = posix_spawnp(&pid, argv[0], NULL, NULL,
			     (char *const *)(uintptr_t)argv, environ);

	if (r)
		return err_errno(r, "cannot run fusermount3");
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(errno, "cannot wait for fusermount3");
	return WIFEXITED(status) && WEXITSTATUS(status) == 0
		       ? 0
		       : err_set(-EBUSY, "%s: fusermount3 could not unmount it",
				 path);
}

static int detach(const char *path, bool is_lazy)
{
	if (geteuid() != 0)
		return run_fusermount(path, is_lazy);
	if (umount2(path, UMOUNT_NOFOLLOW | (is_lazy ? MNT_DETACH : 0)) < 0)
		return err_errno(errno, "%s: cannot unmount", path);
	return 0;
}

int mount_point_unmount(const char *path)
{
	return detach(path, false);
}

/* ---- is it fit? ----------------------------------------------------------- */

static int clear_stale(const char *path, bool *was_stale)
{
	int r = detach(path, true);

	if (r < 0)
		return err_set(r,
			       "%s: a mount whose daemon has died is in the "
			       "way and cannot be removed; try: umount -l %s",
			       path, path);
	*was_stale = true;
	return 0;
}

static int refuse_mounted(const char *path)
{
	struct mount_entry e;
	int r = mount_point_find(path, &e);

	if (r)
		return r < 0 ? r : 0;
	return err_set(-EBUSY,
		       "%s: is a mount point already (%s); unmount it first, "
		       "or choose another directory",
		       path, e.type);
}

static bool lies_in(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) &&
	       (!path[n] || path[n] == '/' || (n && dir[n - 1] == '/'));
}

/* The engine would wait for itself, or a listing show the store's files. */
static int refuse_overlap(const char *path, const char *store)
{
	char real_path[PATH_MAX], real_store[PATH_MAX];

	if (!realpath(path, real_path))
		return err_errno(errno, "%s: cannot resolve", path);
	if (!realpath(store, real_store))
		return 0; /* there is none yet */
	if (lies_in(real_store, real_path))
		return err_set(-EINVAL,
			       "%s: the store %s lies inside the mount point; "
			       "choose another directory",
			       path, store);
	if (lies_in(real_path, real_store))
		return err_set(-EINVAL,
			       "%s: the mount point lies inside the store %s; "
			       "choose another directory",
			       path, store);
	return 0;
}

/* Asks in a child, which may never come back. */
static bool answers_in_time(const char *path)
{
	struct pollfd ended = { .events = POLLIN };
	struct statvfs sv;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return true; /* then it is found out the slow way */
	pid = fork();
	if (pid == 0)
		_exit(statvfs(path, &sv) < 0);
	(void)close(fds[1]);
	ended.fd = fds[0];
	if (pid > 0 && poll(&ended, 1, ANSWER_MS) == 0) {
		(void)kill(pid, SIGKILL);
		(void)close(fds[0]);
		return false;
	}
	(void)close(fds[0]);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
	return true;
}

/*
 * On kernels before 6.16 a killed daemon can leave a mount that answers
 * nothing, not even with an error (see ll_notify.c). Forcing it makes it a
 * stale one.
 */
static int unhang(const char *path)
{
	struct mount_entry e;
	int r = mount_point_find(path, &e);

	if (r)
		return r < 0 ? r : 0;
	if (strncmp(e.type, "fuse", 4) != 0 || answers_in_time(path))
		return 0;
	/* The connection is cut whether or not the mount can go at once. */
	if (umount2(path, MNT_FORCE | UMOUNT_NOFOLLOW) < 0 && errno != EBUSY)
		return err_errno(errno,
				 "%s: the mount there does not answer and "
				 "cannot be removed; try as root: umount -f %s",
				 path, path);
	return 0;
}

/* The kernel may know the attributes of a dead mount: only statfs() asks. */
static int reach(const char *path, struct stat *st)
{
	struct statvfs sv;

	return stat(path, st) < 0 || statvfs(path, &sv) < 0 ? -errno : 0;
}

int mount_point_prepare(const char *path, const char *store, bool *was_stale)
{
	struct stat st;
	int r = unhang(path);

	*was_stale = false;
	if (r < 0)
		return r;
	while ((r = reach(path, &st)) < 0) {
		if (r == -ENOTCONN || r == -ECONNABORTED)
			r = clear_stale(path, was_stale);
		else if (r == -ENOENT)
			r = err_set(-ENOENT,
				    "%s: no such directory to mount on; make "
				    "it first: mkdir -p %s",
				    path, path);
		else
			r = err_errno(-r, "%s: cannot mount on it", path);
		if (r < 0)
			return r;
	}
	if (!S_ISDIR(st.st_mode))
		return err_set(-ENOTDIR,
			       "%s: is not a directory; a mount point must be "
			       "one",
			       path);
	r = refuse_mounted(path);
	return r < 0 ? r : refuse_overlap(path, store);
}

/* ---- changing it ----------------------------------------------------------- */

static const struct {
	const char *name;
	unsigned long flag;
	bool is_set;
} remount_flags[] = {
	{ "ro", MS_RDONLY, true },	  { "noatime", MS_NOATIME, true },
	{ "nosuid", MS_NOSUID, true },	  { "suid", MS_NOSUID, false },
	{ "nodev", MS_NODEV, true },	  { "dev", MS_NODEV, false },
	{ "noexec", MS_NOEXEC, true },	  { "exec", MS_NOEXEC, false },
	{ "sync", MS_SYNCHRONOUS, true }, { "dirsync", MS_DIRSYNC, true },
};

static unsigned long flag_bits(const char *flags)
{
	unsigned long bits = MS_NOSUID | MS_NODEV;

	while (*flags) {
		size_t n = strcspn(flags, ",");

		for (size_t i = 0; i < ARRAY_LEN(remount_flags); i++) {
			if (strncmp(remount_flags[i].name, flags, n) ||
			    remount_flags[i].name[n])
				continue;
			bits &= ~remount_flags[i].flag;
			if (remount_flags[i].is_set)
				bits |= remount_flags[i].flag;
		}
		flags += n + (flags[n] == ',');
	}
	return bits;
}

int mount_point_remount(const char *path, const char *flags)
{
	if (mount(NULL, path, NULL, MS_REMOUNT | flag_bits(flags), NULL) < 0)
		return err_errno(errno, "%s: cannot remount", path);
	return 0;
}

int mount_point_set_read_ahead(const char *path, uint64_t bytes)
{
	struct mount_entry e;
	char file[96];
	FILE *f;
	int r = mount_point_find(path, &e);

	if (r)
		return r < 0 ? r : -ENOENT;
	(void)snprintf(file, sizeof(file), "/sys/class/bdi/%u:%u/read_ahead_kb",
		       e.dev_major, e.dev_minor);
	f = fopen(file, "we");
	if (!f)
		return err_errno(errno, "%s: cannot open", file);
	if (fprintf(f, "%" PRIu64 "\n", bytes >> 10) < 0)
		r = -EIO;
	if (fclose(f) != 0)
		r = err_errno(errno, "%s: cannot write", file);
	return r;
}
