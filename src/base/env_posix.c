/* SPDX-License-Identifier: MIT */
/*
 * The real operating system. System calls that move bytes are resumed after
 * interruptions and short counts; every failure names its path.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/env.h"
#include "base/err.h"

/* Larger requests than this gain nothing and some kernels cut them. */
#define MAX_TRANSFER ((size_t)1 << 30)

struct posix_file {
	struct env_file file;
	int fd;
	bool wants_direct; /* opened with ENV_DIRECT */
	/* What the descriptor does. Cleared by whoever sees a transfer refused,
	 * loaded by all, relaxed: the kernel decides, this only remembers. */
	_Atomic bool is_direct;
	uint64_t append_at; /* owned by the one caller of append */
};

struct posix_map {
	struct env_map map;
	const char *path; /* of the file, which outlives the map */
	bool is_writable;
};

struct posix_lock {
	struct env_lock lock;
	int fd;
};

static struct posix_file *to_file(struct env_file *f)
{
	return container_of(f, struct posix_file, file);
}

/* 0 when rc is, else the error of `what` done to `path`. */
static int check(int rc, const char *path, const char *what)
{
	return likely(rc >= 0) ? 0
			       : err_errno(errno, "%s: cannot %s", path, what);
}

/* ------------------------------------------------------------- files */

static int open_mode(unsigned flags)
{
	int mode = O_CLOEXEC;

	if ((flags & ENV_READ) && (flags & ENV_WRITE))
		mode |= O_RDWR;
	else if (flags & ENV_WRITE)
		mode |= O_WRONLY;
	if (flags & ENV_CREATE)
		mode |= O_CREAT;
	if (flags & ENV_EXCL)
		mode |= O_EXCL;
	if (flags & ENV_TRUNC)
		mode |= O_TRUNC;
	if (flags & ENV_DIRECT)
		mode |= O_DIRECT;
	if (flags & ENV_DSYNC)
		mode |= O_DSYNC;
	return mode;
}

static int open_retry(const char *path, int mode)
{
	int fd;

	do {
		fd = open(path, mode, 0644);
	} while (fd < 0 && errno == EINTR);
	return fd;
}

static int posix_open_fd(const char *path, unsigned flags, bool *is_direct)
{
	int mode = open_mode(flags);
	int fd = open_retry(path, mode);

	*is_direct = (flags & ENV_DIRECT) != 0;
	if (fd < 0 && errno == EINVAL && *is_direct) {
		/* tmpfs. The failed call may have made the file. */
		*is_direct = false;
		fd = open_retry(path, mode & ~(O_DIRECT | O_EXCL));
	}
	return fd;
}

static const struct env_ops posix_ops;

static int posix_open(struct env *e, const char *path, unsigned flags,
		      struct env_file **out)
{
	struct posix_file *f;
	struct stat st;
	bool is_direct;
	int fd, r;

	(void)e;
	assert(flags & (ENV_READ | ENV_WRITE));
	fd = posix_open_fd(path, flags, &is_direct);
	if (fd < 0)
		return check(fd, path, "open");
	r = check(fstat(fd, &st), path, "examine");
	if (r == 0 && S_ISDIR(st.st_mode))
		r = err_set(-EISDIR, "%s: is a directory", path);
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	f = calloc(1, sizeof(*f));
	if (f)
		f->file.path = strdup(path);
	if (!f || !f->file.path) {
		free(f);
		(void)close(fd);
		return err_nomem("file");
	}
	f->file.ops = &posix_ops;
	f->fd = fd;
	f->wants_direct = (flags & ENV_DIRECT) != 0;
	atomic_init(&f->is_direct, is_direct);
	f->append_at = (uint64_t)st.st_size;
	*out = &f->file;
	return 0;
}

static int posix_close(struct env_file *file)
{
	struct posix_file *f = to_file(file);
	/* Linux closes the descriptor even when it reports EINTR. */
	int rc = close(f->fd);
	int r = rc < 0 && errno == EINTR ? 0 : check(rc, file->path, "close");

	free((void *)(uintptr_t)file->path);
	free(f);
	return r;
}

static bool is_direct(const struct posix_file *f)
{
	return atomic_load_explicit(&((struct posix_file *)f)->is_direct,
				    memory_order_relaxed);
}

/* What ENV_DIRECT asks of callers, wherever their files lie. */
static bool is_aligned(const struct posix_file *f, uint64_t off, const void *p,
		       size_t len)
{
	return !f->wants_direct ||
	       (off | (uintptr_t)p | len) % ENV_DIRECT_ALIGN == 0;
}

/*
 * After a transfer that failed: true when it was refused for being direct, and
 * may be tried again through the page cache. Some filesystems take O_DIRECT
 * and then want larger blocks than ENV_DIRECT_ALIGN.
 */
static COLD bool leave_direct(struct posix_file *f)
{
	int why = errno, mode;

	if (why != EINVAL || !is_direct(f))
		return false;
	mode = fcntl(f->fd, F_GETFL);
	if (mode < 0 || fcntl(f->fd, F_SETFL, mode & ~O_DIRECT) < 0) {
		errno = why;
		return false;
	}
	atomic_store_explicit(&f->is_direct, false, memory_order_relaxed);
	return true;
}

static int posix_read(struct env_file *file, uint64_t off, void *dst,
		      size_t len, size_t *out_len)
{
	struct posix_file *f = to_file(file);
	size_t done = 0;

	assert(is_aligned(f, off, dst, len));
	while (done < len) {
		size_t want = MIN_OF(len - done, MAX_TRANSFER);
		ssize_t n = pread(f->fd, (uint8_t *)dst + done, want,
				  (off_t)(off + done));

		if (n < 0 && (errno == EINTR || leave_direct(f)))
			continue;
		if (n < 0)
			return err_errno(errno,
					 "%s: cannot read %zu bytes at %llu",
					 file->path, len,
					 (unsigned long long)off);
		done += (size_t)n;
		if (n == 0)
			break;
		/* Direct reads end unaligned only at the end of the file, and
		 * could not go on from there. */
		if (is_direct(f) && (size_t)n % ENV_DIRECT_ALIGN)
			break;
	}
	*out_len = done;
	return 0;
}

/* Writes; *done tells how much even on failure. */
static int write_all(struct posix_file *f, uint64_t off, const void *src,
		     size_t len, size_t *done)
{
	*done = 0;
	assert(is_aligned(f, off, src, len));
	while (*done < len) {
		size_t want = MIN_OF(len - *done, MAX_TRANSFER);
		ssize_t n = pwrite(f->fd, (const uint8_t *)src + *done, want,
				   (off_t)(off + *done));

		if (n < 0 && (errno == EINTR || leave_direct(f)))
			continue;
		if (n == 0) /* not from a regular file; do not spin */
			errno = EIO;
		if (n <= 0)
			return err_errno(errno,
					 "%s: cannot write %zu bytes at %llu",
					 f->file.path, len,
					 (unsigned long long)off);
		*done += (size_t)n;
	}
	return 0;
}

static int posix_write(struct env_file *file, uint64_t off, const void *src,
		       size_t len)
{
	size_t done;

	return write_all(to_file(file), off, src, len, &done);
}

static int posix_append(struct env_file *file, const void *src, size_t len)
{
	struct posix_file *f = to_file(file);
	size_t done;
	int r = write_all(f, f->append_at, src, len, &done);

	f->append_at += done;
	return r;
}

static int posix_allocate(struct env_file *file, uint64_t off, uint64_t len)
{
	struct posix_file *f = to_file(file);
	int rc;

	do {
		rc = fallocate(f->fd, 0, (off_t)off, (off_t)len);
	} while (rc < 0 && errno == EINTR);
	if (rc < 0 && errno == EOPNOTSUPP && !f->wants_direct) {
		/* glibc then touches every block, which serves as well, but
		 * not by direct writes. */
		errno = posix_fallocate(f->fd, (off_t)off, (off_t)len);
		rc = errno ? -1 : 0;
	}
	return check(rc, file->path, "reserve space");
}

static int posix_truncate(struct env_file *file, uint64_t size)
{
	int rc;

	do {
		rc = ftruncate(to_file(file)->fd, (off_t)size);
	} while (rc < 0 && errno == EINTR);
	return check(rc, file->path, "truncate");
}

static int posix_sync(struct env_file *file, enum env_sync_kind kind)
{
	int fd = to_file(file)->fd;
	int rc;

	do {
		rc = kind == ENV_SYNC_DATA ? fdatasync(fd) : fsync(fd);
	} while (rc < 0 && errno == EINTR); /* not begun, no data lost */
	return check(rc, file->path, "sync");
}

static int posix_file_size(struct env_file *file, uint64_t *out)
{
	struct stat st;
	int r = check(fstat(to_file(file)->fd, &st), file->path, "examine");

	if (r == 0)
		*out = (uint64_t)st.st_size;
	return r;
}

static int posix_advise(struct env_file *file, uint64_t off, uint64_t len,
			enum env_advice advice)
{
	static const int values[] = {
		[ENV_ADVICE_RANDOM] = POSIX_FADV_RANDOM,
		[ENV_ADVICE_SEQUENTIAL] = POSIX_FADV_SEQUENTIAL,
		[ENV_ADVICE_WILLNEED] = POSIX_FADV_WILLNEED,
		[ENV_ADVICE_DONTNEED] = POSIX_FADV_DONTNEED,
	};

	if (advice == ENV_ADVICE_WRITE)
		return check(sync_file_range(to_file(file)->fd, (off_t)off,
					     (off_t)len, SYNC_FILE_RANGE_WRITE),
			     file->path, "begin to write");
	errno = posix_fadvise(to_file(file)->fd, (off_t)off, (off_t)len,
			      values[advice]);
	return check(errno ? -1 : 0, file->path, "advise about");
}

static int posix_cached(struct env_file *file, uint64_t len, uint8_t *out)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t n = (size_t)((len + ENV_CACHE_PAGE - 1) / ENV_CACHE_PAGE);
	void *p;
	int rc;

	if (n == 0)
		return 0;
	if (page != ENV_CACHE_PAGE)
		return err_set(-EOPNOTSUPP, "pages of %zu bytes", page);
	p = mmap(NULL, (size_t)len, PROT_READ, MAP_SHARED, to_file(file)->fd,
		 0);
	if (p == MAP_FAILED)
		return check(-1, file->path, "map");
	rc = mincore(p, (size_t)len, out);
	(void)munmap(p, (size_t)len);
	for (size_t i = 0; i < n && rc == 0; i++)
		out[i] &= 1; /* the other bits are the kernel's */
	return check(rc, file->path, "examine the cached pages");
}

/* ---------------------------------------------------------- mappings */

static int posix_map(struct env_file *file, uint64_t off, size_t len,
		     bool writable, struct env_map **out)
{
	struct posix_map *m = calloc(1, sizeof(*m));
	void *p;
	int r;

	if (!m)
		return err_nomem("mapping");
	p = mmap(NULL, len, writable ? PROT_READ | PROT_WRITE : PROT_READ,
		 MAP_SHARED, to_file(file)->fd, (off_t)off);
	if (p == MAP_FAILED) {
		r = check(-1, file->path, "map");
		free(m);
		return r;
	}
	m->map.ops = &posix_ops;
	m->map.base = p;
	m->map.len = len;
	m->path = file->path;
	m->is_writable = writable;
	*out = &m->map;
	return 0;
}

/* Extends [off, off + len) to whole pages, within the map. */
static void page_range(const struct env_map *m, size_t *off, size_t *len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t end;

	assert(*off <= m->len && *len <= m->len - *off);
	end = ROUND_UP(*off + *len, page);
	*off = ROUND_DOWN(*off, page);
	*len = MIN_OF(end, m->len) - *off;
}

/* Before Linux 5.14: a read of each page fetches it, too. */
static void touch_pages(const uint8_t *p, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	for (size_t i = 0; i < len; i += page)
		(void)*(const volatile uint8_t *)(p + i);
}

static int posix_map_populate(struct env_map *map, size_t off, size_t len)
{
	struct posix_map *m = container_of(map, struct posix_map, map);
	int advice = m->is_writable ? MADV_POPULATE_WRITE : MADV_POPULATE_READ;

	page_range(map, &off, &len);
	if (madvise(map->base + off, len, advice) == 0)
		return 0;
	if (errno != EINVAL)
		return check(-1, m->path, "bring the mapping into memory");
	touch_pages(map->base + off, len);
	return 0;
}

/*
 * msync() is fdatasync() of a range: it writes the dirty pages of the range,
 * waits, and commits the metadata needed to find them (mm/msync.c calls
 * vfs_fsync_range() with datasync set). Stores beyond the range, by writers
 * who have not asked, stay out of the bill.
 */
static int posix_map_sync(struct env_map *map, size_t off, size_t len)
{
	struct posix_map *m = container_of(map, struct posix_map, map);
	int rc;

	page_range(map, &off, &len);
	do {
		rc = msync(map->base + off, len, MS_SYNC);
	} while (rc < 0 && errno == EINTR);
	return check(rc, m->path, "sync the mapping");
}

static int posix_unmap(struct env_map *map)
{
	struct posix_map *m = container_of(map, struct posix_map, map);
	int rc = munmap(map->base, map->len);

	assert(rc == 0);
	free(m);
	return 0;
}

/* ------------------------------------------------------- directories */

static int posix_rename(struct env *e, const char *from, const char *to)
{
	(void)e;
	if (rename(from, to) == 0)
		return 0;
	return err_errno(errno, "%s: cannot rename to %s", from, to);
}

static int posix_unlink(struct env *e, const char *path)
{
	(void)e;
	return check(unlink(path), path, "remove");
}

static int posix_link(struct env *e, const char *from, const char *to)
{
	(void)e;
	if (link(from, to) == 0)
		return 0;
	return err_errno(errno, "%s: cannot link as %s", from, to);
}

static int posix_mkdir(struct env *e, const char *path)
{
	(void)e;
	return check(mkdir(path, 0755), path, "make the directory");
}

static int posix_rmdir(struct env *e, const char *path)
{
	(void)e;
	return check(rmdir(path), path, "remove the directory");
}

static enum env_file_type type_of_mode(mode_t mode)
{
	if (S_ISREG(mode))
		return ENV_TYPE_FILE;
	return S_ISDIR(mode) ? ENV_TYPE_DIR : ENV_TYPE_OTHER;
}

static enum env_file_type type_of_entry(DIR *d, const struct dirent *de)
{
	struct stat st;

	switch (de->d_type) {
	case DT_REG:
		return ENV_TYPE_FILE;
	case DT_DIR:
		return ENV_TYPE_DIR;
	case DT_UNKNOWN: /* some filesystems do not say */
		if (fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW))
			return ENV_TYPE_OTHER;
		return type_of_mode(st.st_mode);
	default:
		return ENV_TYPE_OTHER;
	}
}

static int posix_list(struct env *e, const char *path, env_list_fn fn,
		      void *arg)
{
	DIR *d = opendir(path);
	struct dirent *de;
	int r = 0;

	(void)e;
	if (!d)
		return check(-1, path, "list the directory");
	for (;;) {
		errno = 0;
		/* The stream is ours alone: no other thread reads it. */
		de = readdir(d); /* NOLINT(concurrency-mt-unsafe) */
		if (!de) {
			r = check(errno ? -1 : 0, path, "list the directory");
			break;
		}
		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		r = fn(arg, de->d_name, type_of_entry(d, de));
		if (r != 0)
			break;
	}
	(void)closedir(d);
	return r;
}

static int posix_stat(struct env *e, const char *path, struct env_stat *out)
{
	struct stat st;
	int r = check(stat(path, &st), path, "examine");

	(void)e;
	if (r < 0)
		return r;
	*out = (struct env_stat){
		.size = (uint64_t)st.st_size,
		.stored = (uint64_t)st.st_blocks * 512,
		.ino = st.st_ino,
		.n_links = st.st_nlink,
		.mtime_us = (int64_t)st.st_mtim.tv_sec * 1000000 +
			    st.st_mtim.tv_nsec / 1000,
		.type = type_of_mode(st.st_mode),
	};
	return 0;
}

static int posix_sync_dir(struct env *e, const char *path)
{
	int fd = open_retry(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	(void)e;
	if (fd < 0)
		return check(fd, path, "open the directory");
	r = check(fsync(fd), path, "sync the directory");
	(void)close(fd); /* nothing was written through it */
	return r;
}

/* The text for a lock that another holds, with whatever pid is in it. */
static int lock_refused(const char *path, int fd)
{
	char text[32] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	long pid = n > 0 ? strtol(text, NULL, 10) : 0;

	if (pid > 0)
		return err_set(TT_ELOCKED, "%s: in use by process %ld", path,
			       pid);
	return err_set(TT_ELOCKED, "%s: in use by another process", path);
}

static int posix_lock(struct env *e, const char *path, struct env_lock **out)
{
	struct posix_lock *l;
	char text[32];
	int fd, r, n;

	(void)e;
	fd = open_retry(path, O_RDWR | O_CREAT | O_CLOEXEC);
	if (fd < 0)
		return check(fd, path, "open the lock");
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		r = errno == EWOULDBLOCK ? lock_refused(path, fd)
					 : check(-1, path, "lock");
		(void)close(fd);
		return r;
	}
	l = calloc(1, sizeof(*l));
	if (!l) {
		(void)close(fd);
		return err_nomem("lock");
	}
	/* The pid informs, the flock locks: on a full disk, go without. */
	n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) < 0)
		errno = 0;
	l->lock.ops = &posix_ops;
	l->fd = fd;
	*out = &l->lock;
	return 0;
}

static int posix_unlock(struct env_lock *lock)
{
	struct posix_lock *l = container_of(lock, struct posix_lock, lock);

	(void)close(l->fd); /* frees the flock, whatever it returns */
	free(l);
	return 0;
}

static int posix_space(struct env *e, const char *path, struct env_space *out)
{
	struct statvfs v;
	int rc;

	(void)e;
	do {
		rc = statvfs(path, &v);
	} while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return check(rc, path, "ask for free space");
	*out = (struct env_space){
		.total = (uint64_t)v.f_blocks * v.f_frsize,
		.free = (uint64_t)v.f_bfree * v.f_frsize,
		.avail = (uint64_t)v.f_bavail * v.f_frsize,
		.files_total = v.f_files,
		.files_free = v.f_ffree,
	};
	return 0;
}

/* ------------------------------------------------------------ clocks */

static int64_t posix_now_us(struct env *e)
{
	struct timespec ts;

	(void)e;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static uint64_t posix_mono_ns(struct env *e)
{
	struct timespec ts;

	(void)e;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static const struct env_ops posix_ops = {
	.open = posix_open,
	.close = posix_close,
	.read = posix_read,
	.write = posix_write,
	.append = posix_append,
	.allocate = posix_allocate,
	.truncate = posix_truncate,
	.sync = posix_sync,
	.file_size = posix_file_size,
	.advise = posix_advise,
	.cached = posix_cached,
	.map = posix_map,
	.map_populate = posix_map_populate,
	.map_sync = posix_map_sync,
	.unmap = posix_unmap,
	.rename = posix_rename,
	.unlink = posix_unlink,
	.link = posix_link,
	.mkdir = posix_mkdir,
	.rmdir = posix_rmdir,
	.list = posix_list,
	.stat = posix_stat,
	.sync_dir = posix_sync_dir,
	.lock = posix_lock,
	.unlock = posix_unlock,
	.space = posix_space,
	.now_us = posix_now_us,
	.mono_ns = posix_mono_ns,
};

struct env *env_posix(void)
{
	static struct env env = { &posix_ops };

	return &env;
}
