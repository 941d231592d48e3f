/* SPDX-License-Identifier: MIT */
/* One large file, in order and at random. Its bytes cannot be compressed. */
#include <fcntl.h>
#include <unistd.h>

#include "files.h"
#include "groups.h"
#include "options.h"
#include "work.h"

#define NAME "large"
#define COPY_NAME "copy"
#define PAGE 4096
#define SYNC_EVERY 64

/* The file of the row under way; opened by its first turn. */
static int fd = -1;

static void open_large(struct run *r, int flags)
{
	fd = openat(r->top_fd, NAME, flags | O_CLOEXEC, 0644);
	if (fd < 0)
		run_fail(r, "cannot open the large file");
}

static void close_large(void)
{
	(void)close(fd);
	fd = -1;
}

/* The last turn makes it durable. */
static int op_write(struct client *c, uint64_t i)
{
	int r;

	c->buf[i % BLOCK_BYTES]++; /* no two alike */
	r = write_all(fd, c->buf, BLOCK_BYTES);
	if (r == 0 && i + 1 == c->work->count)
		r = fsync(fd);
	return r;
}

static int op_read(struct client *c, uint64_t i)
{
	off_t at = (off_t)(i * BLOCK_BYTES);

	return pread(fd, c->buf, BLOCK_BYTES, at) == (ssize_t)BLOCK_BYTES ? 0
									  : -1;
}

static void read_all(struct run *r, const char *name)
{
	open_large(r, O_RDONLY);
	work_do(r, (struct work){ .name = name,
				  .op = op_read,
				  .count = cfg.stream_mib });
	close_large();
}

/* ---- copies --------------------------------------------------------------- */

static int copy_fd = -1;

/* Who does not share copies: the kernel does then, by its pages. The last turn
 * makes it durable. */
static int op_copy(struct client *c, uint64_t i)
{
	off_t from = (off_t)(i * BLOCK_BYTES), to = from;
	size_t left = BLOCK_BYTES;

	while (left) {
		ssize_t n = copy_file_range(fd, &from, copy_fd, &to, left, 0);

		if (n <= 0)
			return -1;
		left -= (size_t)n;
	}
	return i + 1 == c->work->count ? fsync(copy_fd) : 0;
}

static void copy_all(struct run *r)
{
	open_large(r, O_RDONLY);
	copy_fd = openat(r->top_fd, COPY_NAME, O_WRONLY | O_CREAT | O_CLOEXEC,
			 0644);
	if (copy_fd < 0)
		run_fail(r, "cannot make a copy of the large file");
	work_do(r, (struct work){ .name = "copy(MiB)",
				  .op = op_copy,
				  .count = cfg.stream_mib,
				  .bytes = BLOCK_BYTES,
				  .settles = true });
	(void)close(copy_fd);
	close_large();
}

void group_stream(struct run *r)
{
	open_large(r, O_WRONLY | O_CREAT);
	work_do(r, (struct work){ .name = "seqwrite(MiB)",
				  .op = op_write,
				  .count = cfg.stream_mib,
				  .bytes = BLOCK_BYTES,
				  .settles = true });
	close_large();
	if (run_cold(r))
		read_all(r, "seqread(cold,MiB)");
	read_all(r, "seqread(warm,MiB)");
	copy_all(r);
}

/* ---- at random ------------------------------------------------------------ */

static off_t random_place(struct client *c)
{
	return (off_t)(rng_below(&c->rng, cfg.random_mib * 256) * PAGE);
}

static int op_rand_write(struct client *c, uint64_t i)
{
	const char *from = c->buf + rng_below(&c->rng, 255) * PAGE;

	if (pwrite(fd, from, PAGE, random_place(c)) != PAGE)
		return -1;
	return i % SYNC_EVERY == SYNC_EVERY - 1 ? fdatasync(fd) : 0;
}

static int op_rand_read(struct client *c, uint64_t i)
{
	(void)i;
	return pread(fd, c->buf, PAGE, random_place(c)) == PAGE ? 0 : -1;
}

void group_random(struct run *r)
{
	open_large(r, O_WRONLY | O_CREAT);
	work_do(r, (struct work){ .name = "fill(MiB)",
				  .op = op_write,
				  .count = cfg.random_mib,
				  .bytes = BLOCK_BYTES,
				  .settles = true });
	work_do(r, (struct work){ .name = "randwrite4k(sync64)",
				  .op = op_rand_write,
				  .count = cfg.random_ops,
				  .bytes = PAGE,
				  .settles = true });
	close_large();
	if (!run_cold(r))
		return;
	open_large(r, O_RDONLY);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM); /* a hint */
	work_do(r, (struct work){ .name = "randread4k(cold)",
				  .op = op_rand_read,
				  .count = cfg.random_ops });
	close_large();
}
