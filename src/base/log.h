/* SPDX-License-Identifier: MIT */
/*
 * The event log of the process: one line per event for a person to read,
 * never on a hot path.
 *
 *	2026-01-31T12:00:00.123456Z info  compact  sst/000012.sst: ...
 *
 * Lines go to every attached sink (a file with rotation, standard error)
 * whose level admits them; without a sink they cost one load. A store
 * attaches its LOG file when it opens; lines name the file or inode they are
 * about, so stores that share a process can share a log. A failing log never
 * fails the caller: lost lines are counted and owned up to in the next line
 * that gets through. Control characters in a line are escaped. Thread-safe.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/compiler.h"

/* clang-format off */
/* X(UPPER, name), most severe first. Warn and error mean someone should act. */
#define LOG_LEVELS(X)     \
	X(ERROR, error)   \
	X(WARN, warn)     \
	X(INFO, info)     \
	X(DEBUG, debug)

/* X(UPPER, name): who speaks. */
#define LOG_SUBSYSTEMS(X) \
	X(MAIN, main)     \
	X(DB, db)         \
	X(WAL, wal)       \
	X(FLUSH, flush)   \
	X(COMPACT, compact) \
	X(MANIFEST, manifest) \
	X(RECOVERY, recovery) \
	X(CACHE, cache)   \
	X(TREE, tree)     \
	X(FS, fs)         \
	X(SERVER, server) \
	X(TOOL, tool)
/* clang-format on */

enum log_level {
#define X(upper, name) LOG_LEVEL_##upper,
	LOG_LEVELS(X)
#undef X
		N_LOG_LEVELS
};

enum log_subsystem {
#define X(upper, name) LOG_##upper,
	LOG_SUBSYSTEMS(X)
#undef X
		N_LOG_SUBSYSTEMS
};

/* A line is cut at this many bytes. */
#define LOG_LINE_MAX 2048

struct log_sink;

/*
 * Attaches a file, appended to; beyond `max_bytes` it is renamed to PATH.1
 * (PATH.1 to PATH.2 and so on, `n_keep` old ones stay) and begun anew. 0 with
 * *out set, or negative.
 */
int log_attach_file(const char *path, enum log_level level, uint64_t max_bytes,
		    unsigned n_keep, struct log_sink **out);

/* Attaches standard error, each line opened by "PROGRAM: " instead of the
 * time. `program` is kept. */
int log_attach_stderr(const char *program, enum log_level level,
		      struct log_sink **out);

/* Detaches and closes; no line reaches it afterwards. NULL does nothing. */
void log_detach(struct log_sink *s);

/* The most verbose level that some sink admits, -1 when there is none.
 * Stored under the log's lock, read by any thread, relaxed: a hint. */
extern _Atomic int log_max_level;

void log_write(enum log_level level, enum log_subsystem sub, const char *fmt,
	       ...) PRINTF_FMT(3, 4) COLD;

#define LOG_AT(level, ...)                                        \
	do {                                                      \
		if (atomic_load_explicit(&log_max_level,          \
					 memory_order_relaxed) >= \
		    (int)(level))                                 \
			log_write(level, __VA_ARGS__);            \
	} while (0)

#define log_error(...) LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) LOG_AT(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* "info" -> LOG_LEVEL_INFO, or -EINVAL. */
int log_level_by_name(const char *name);

#endif
