/* SPDX-License-Identifier: MIT */
/* Ours first, then the peers that configure found. */
#include "engines.h"

#include "base/compiler.h"

extern const struct kv_engine kv_ttrunks, kv_null;
#ifdef HAVE_ROCKSDB
extern const struct kv_engine kv_rocksdb, kv_rocksdb_tuned;
#endif
#ifdef HAVE_LEVELDB
extern const struct kv_engine kv_leveldb;
#endif
#ifdef HAVE_LMDB
extern const struct kv_engine kv_lmdb;
#endif

static const struct kv_engine *const engines[] = {
	&kv_ttrunks,
#ifdef HAVE_ROCKSDB
	&kv_rocksdb, &kv_rocksdb_tuned,
#endif
#ifdef HAVE_LEVELDB
	&kv_leveldb,
#endif
#ifdef HAVE_LMDB
	&kv_lmdb,
#endif
	&kv_null,
};

const struct kv_engine *engine_at(unsigned i)
{
	return i < ARRAY_LEN(engines) ? engines[i] : NULL;
}
