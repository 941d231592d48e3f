/* SPDX-License-Identifier: MIT */
/* Names and attributes: files without contents. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "groups.h"
#include "options.h"
#include "work.h"

static int op_create(struct client *c, uint64_t i)
{
	char name[FILE_NAME];

	file_name(name, 'f', i);
	return file_create(c->run, name, "", 0, false);
}

static int op_stat(struct client *c, uint64_t i)
{
	char name[FILE_NAME];
	struct stat st;

	file_name(name, 'f', shuffled(i, cfg.n));
	return fstatat(c->run->top_fd, name, &st, AT_SYMLINK_NOFOLLOW);
}

static int op_rename(struct client *c, uint64_t i)
{
	char from[FILE_NAME], to[FILE_NAME];

	file_name(from, 'f', shuffled(i, cfg.n));
	file_name(to, 'g', shuffled(i, cfg.n));
	return renameat(c->run->top_fd, from, c->run->top_fd, to);
}

static int op_unlink(struct client *c, uint64_t i)
{
	char name[FILE_NAME];

	file_name(name, 'g', i);
	return unlinkat(c->run->top_fd, name, 0);
}

static int op_mkdir(struct client *c, uint64_t i)
{
	char name[FILE_NAME];

	file_name(name, 'm', i);
	return mkdirat(c->run->top_fd, name, 0755);
}

static int op_rmdir(struct client *c, uint64_t i)
{
	char name[FILE_NAME];

	file_name(name, 'm', i);
	return unlinkat(c->run->top_fd, name, AT_REMOVEDIR);
}

static int op_walk(struct client *c, uint64_t k)
{
	char name[FILE_NAME];

	dir_name(name, k);
	return list_dir(c->run, name, true) == PER_DIR ? 0 : -1;
}

void group_meta(struct run *r)
{
	struct work walk = { .op = op_walk,
			     .count = cfg.n / PER_DIR,
			     .weight = PER_DIR };

	files_make_dirs(r, cfg.n);
	work_do(r, (struct work){ .name = "create",
				  .op = op_create,
				  .count = cfg.n,
				  .settles = true });
	if (run_cold(r))
		work_do(r, (struct work){ .name = "stat(cold)",
					  .op = op_stat,
					  .count = cfg.n });
	work_do(r, (struct work){ .name = "stat(warm)",
				  .op = op_stat,
				  .count = cfg.n });
	if (run_cold(r)) {
		walk.name = "walk(cold)";
		work_do(r, walk);
	}
	walk.name = "walk(warm)";
	work_do(r, walk);
	work_do(r, (struct work){ .name = "rename",
				  .op = op_rename,
				  .count = cfg.n,
				  .settles = true });
	work_do(r, (struct work){ .name = "unlink",
				  .op = op_unlink,
				  .count = cfg.n,
				  .settles = true });
	work_do(r, (struct work){ .name = "mkdir",
				  .op = op_mkdir,
				  .count = cfg.n,
				  .settles = true });
	work_do(r, (struct work){ .name = "rmdir",
				  .op = op_rmdir,
				  .count = cfg.n,
				  .settles = true });
}
