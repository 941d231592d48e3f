/* SPDX-License-Identifier: MIT */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/rand.h"

void dir_name(char out[FILE_NAME], uint64_t k)
{
	snprintf(out, FILE_NAME, "d%06" PRIu64, k);
}

void file_name(char out[FILE_NAME], char letter, uint64_t i)
{
	snprintf(out, FILE_NAME, "d%06" PRIu64 "/%c%09" PRIu64, i / PER_DIR,
		 letter, i);
}

void files_warm_up(const struct run *r)
{
	char byte;

	if (file_create(r, "first", "x", 1, false) < 0 ||
	    file_read(r, "first", &byte, 1) < 0 ||
	    unlinkat(r->top_fd, "first", 0) < 0)
		run_fail(r, "cannot make a file: %s", strerror(errno));
}

void files_make_dirs(const struct run *r, uint64_t n)
{
	char name[FILE_NAME];

	files_warm_up(r);
	for (uint64_t k = 0; k <= (n - 1) / PER_DIR; k++) {
		dir_name(name, k);
		if (mkdirat(r->top_fd, name, 0755) < 0)
			run_fail(r, "%s: %s", name, strerror(errno));
	}
}

int write_all(int fd, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n <= 0)
			return -1;
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

int file_create(const struct run *r, const char *name, const void *data,
		size_t len, bool sync)
{
	int fd = openat(r->top_fd, name,
			O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int done = fd < 0 ? -1 : write_all(fd, data, len);

	if (done == 0 && sync)
		done = fsync(fd);
	if (fd >= 0 && close(fd) < 0)
		done = -1;
	return done;
}

int file_read(const struct run *r, const char *name, char *buf, size_t len)
{
	int fd = openat(r->top_fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, len);

	if (fd >= 0)
		(void)close(fd);
	return n == (ssize_t)len ? 0 : -1;
}

int64_t list_dir(const struct run *r, const char *name, bool with_attributes)
{
	int fd = openat(r->top_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	int64_t n = 0;

	if (!d)
		return -1;
	while (n >= 0 && (e = readdir(d)) != NULL) {
		struct stat st;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		n++;
		if (with_attributes &&
		    fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			n = -1;
	}
	(void)closedir(d);
	return n;
}

static const char *const words[] = {
	"if",	  "return", "struct", "static", "int",	   "const", "for",
	"while",  "inode",  "table",  "length", "offset",  "sync",  "batch",
	"commit", "write",  "read",   "the",	"of",	   "and",   "a",
	"file",	  "name",   "block",  "value",	"mutable", "key",   "size",
};

void text_make(char *out, size_t len, uint64_t number)
{
	struct rng rng;
	size_t at = 0, line = 0;

	rng_init(&rng, number);
	while (at < len) {
		uint64_t x = rng_next(&rng);
		char word[40];
		int n = x & 7 ? snprintf(word, sizeof(word), "%s ",
					 words[(x >> 8) % ARRAY_LEN(words)])
			      : snprintf(word, sizeof(word), "%" PRIu64 "; ",
					 (x >> 8) % 100000);
		size_t take = MIN_OF((size_t)n, len - at);

		memcpy(out + at, word, take);
		at += take;
		line += take;
		if (line > 60) {
			out[at - 1] = '\n';
			line = 0;
		}
	}
}
