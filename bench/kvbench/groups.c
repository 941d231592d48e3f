/* SPDX-License-Identifier: MIT */
#include "groups.h"

#include <stddef.h>

#include "base/compiler.h"

static const struct group groups[] = {
	{ "seq", group_seq },
	{ "batch", group_batch },
	{ "sync", group_sync },
	{ "rand", group_rand },
	{ "ycsb", group_ycsb },
	{ "big", group_big },
	{ "long", group_long },
	{ "queue", group_queue },
	{ "tombstones", group_tombstones },
	{ "small-memory", group_small_memory },
	{ "budget", group_budget },
	{ "open", group_open },
};

const struct group *group_at(unsigned i)
{
	return i < ARRAY_LEN(groups) ? &groups[i] : NULL;
}
