/* SPDX-License-Identifier: MIT */
/*
 * The directory that is mounted on: is it fit, what is mounted there, and
 * taking a mount away. Not about any session: the mount table of the kernel
 * (/proc/self/mountinfo) is the only truth here. Thread-safe.
 */
#ifndef FS_MOUNT_POINT_H
#define FS_MOUNT_POINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mount_entry {
	unsigned dev_major, dev_minor;
	char type[64]; /* "fuse.ttrunksfs" */
};

/* The topmost mount on `path`, an absolute path. 0, TT_NOTFOUND or negative. */
int mount_point_find(const char *path, struct mount_entry *out);

/*
 * Whether `path` can be mounted on, and not onto the store at `store`.
 * A mount whose daemon has died is taken away, *was_stale set. Failures say
 * what to do. Before any thread is started: it forks.
 */
int mount_point_prepare(const char *path, const char *store, bool *was_stale);

/*
 * Takes the mount on `path` away where nobody uses it, else -EBUSY. As a plain
 * user through fusermount3. Blocks while the kernel writes dirty pages back,
 * so the session must be served meanwhile.
 */
int mount_point_unmount(const char *path);

/* The same flags for the mount that is there: mount -o remount,FLAGS. */
int mount_point_remount(const char *path, const char *flags);

/* Sets how far the kernel reads ahead on the mount; root only. */
int mount_point_set_read_ahead(const char *path, uint64_t bytes);

#endif
