/* SPDX-License-Identifier: MIT */
/* Many files: in one directory, and as to the space they take. */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "groups.h"
#include "options.h"
#include "work.h"

#define BIG "big"
#define FIRST 1000
#define TEXT_BYTES 1024

static int op_create(struct client *c, uint64_t i)
{
	char name[FILE_NAME];

	snprintf(name, sizeof(name), BIG "/f%09" PRIu64, i);
	return file_create(c->run, name, "", 0, false);
}

/* The first entry of `ls -f`. */
static int op_first(struct client *c, uint64_t i)
{
	int fd =
		openat(c->run->top_fd, BIG, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	int r;

	(void)i;
	if (!d)
		return -1;
	r = readdir(d) ? 0 : -1;
	(void)closedir(d);
	return r;
}

static int op_list(struct client *c, uint64_t i)
{
	(void)i;
	return list_dir(c->run, BIG, false) == (int64_t)cfg.bigdir_n ? 0 : -1;
}

void group_bigdir(struct run *r)
{
	uint64_t n = cfg.bigdir_n, few = MIN_OF((uint64_t)FIRST, n / 4);
	struct work w = { .op = op_create, .limit_s = 1e6 };

	files_warm_up(r);
	if (mkdirat(r->top_fd, BIG, 0755) < 0)
		run_fail(r, "cannot make a directory");
	w.name = "bigdir(first)";
	w.count = few;
	work_do(r, w);
	w.name = "bigdir(most)";
	w.first = few;
	w.count = n - 2 * few;
	w.settles = true;
	work_do(r, w);
	w.name = "bigdir(last)";
	w.first = n - few;
	w.count = few;
	work_do(r, w);
	if (run_cold(r))
		work_do(r, (struct work){ .name = "ls-f(first)",
					  .op = op_first,
					  .count = 1 });
	work_do(r, (struct work){ .name = "ls-f(all)",
				  .op = op_list,
				  .count = 1,
				  .weight = n });
}

static int op_text(struct client *c, uint64_t i)
{
	char name[FILE_NAME];

	file_name(name, 't', i);
	text_make(c->buf, TEXT_BYTES, i);
	return file_create(c->run, name, c->buf, TEXT_BYTES, false);
}

void group_space(struct run *r)
{
	files_make_dirs(r, cfg.space_n);
	work_do(r, (struct work){ .name = "space(1k)",
				  .op = op_text,
				  .count = cfg.space_n,
				  .limit_s = 1e6,
				  .bytes = TEXT_BYTES,
				  .settles = true });
}
