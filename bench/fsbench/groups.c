/* SPDX-License-Identifier: MIT */
#include "groups.h"

#include <stddef.h>

#include "base/compiler.h"

static const struct group groups[] = {
	{ "meta", group_meta, NULL },
	{ "small", group_small, NULL },
	{ "sync", group_sync, NULL },
	{ "tree", group_tree, group_tree_prepare },
	{ "stream", group_stream, NULL },
	{ "random", group_random, NULL },
	{ "bigdir", group_bigdir, NULL },
	{ "space", group_space, NULL },
};

const struct group *group_at(unsigned i)
{
	return i < ARRAY_LEN(groups) ? &groups[i] : NULL;
}

const char *group_name(unsigned i)
{
	return i < ARRAY_LEN(groups) ? groups[i].name : NULL;
}
