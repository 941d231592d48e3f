/* SPDX-License-Identifier: MIT */
/* Small files, written whole and read whole, with and without fsync. */
#include <unistd.h>

#include "files.h"
#include "groups.h"
#include "options.h"
#include "work.h"

static int op_create(struct client *c, uint64_t i)
{
	char name[FILE_NAME];

	file_name(name, 's', i);
	return file_create(c->run, name, c->buf + i % 64 * SMALL_BYTES,
			   SMALL_BYTES, false);
}

static int op_read(struct client *c, uint64_t i)
{
	char name[FILE_NAME];

	file_name(name, 's', shuffled(i, cfg.n));
	return file_read(c->run, name, c->buf, SMALL_BYTES);
}

static int op_unlink(struct client *c, uint64_t i)
{
	char name[FILE_NAME];

	file_name(name, 's', i);
	return unlinkat(c->run->top_fd, name, 0);
}

void group_small(struct run *r)
{
	files_make_dirs(r, cfg.n);
	work_do(r, (struct work){ .name = "create4k",
				  .op = op_create,
				  .count = cfg.n,
				  .bytes = SMALL_BYTES,
				  .settles = true });
	if (run_cold(r))
		work_do(r, (struct work){ .name = "read4k(cold)",
					  .op = op_read,
					  .count = cfg.n });
	work_do(r, (struct work){ .name = "read4k(warm)",
				  .op = op_read,
				  .count = cfg.n });
	work_do(r, (struct work){ .name = "unlink4k",
				  .op = op_unlink,
				  .count = cfg.n,
				  .settles = true });
}

static int op_create_sync(struct client *c, uint64_t i)
{
	char name[FILE_NAME];

	file_name(name, (char)('0' + c->work->clients), i);
	return file_create(c->run, name, c->buf + i % 64 * SMALL_BYTES,
			   SMALL_BYTES, true);
}

/* More files than can be made in the time. */
#define SYNC_MAX 200000

void group_sync(struct run *r)
{
	static const struct {
		const char *name;
		unsigned clients;
	} rows[] = { { "fsync4k", 1 }, { "fsync4k(8)", 8 } };

	files_make_dirs(r, SYNC_MAX);
	sync();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		work_do(r, (struct work){ .name = rows[i].name,
					  .op = op_create_sync,
					  .count = SYNC_MAX,
					  .clients = rows[i].clients,
					  .limit_s = cfg.sync_sec,
					  .bytes = SMALL_BYTES });
}
