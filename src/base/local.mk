# SPDX-License-Identifier: MIT
# The base layer: bytes, hashing, memory, threads, files, settings.
libbase_la_SOURCES += \
	%D%/arena.c \
	%D%/arena.h \
	%D%/assert.c \
	%D%/assert.h \
	%D%/buf.c \
	%D%/buf.h \
	%D%/checksum.c \
	%D%/checksum.h \
	%D%/checksum_avx2.h \
	%D%/common_options.def \
	%D%/compiler.h \
	%D%/compress.c \
	%D%/compress.h \
	%D%/compress_dict.c \
	%D%/compress_impl.h \
	%D%/counter.c \
	%D%/counter.h \
	%D%/direct.c \
	%D%/direct.h \
	%D%/env.c \
	%D%/env.h \
	%D%/env_posix.c \
	%D%/err.c \
	%D%/err.h \
	%D%/futex.c \
	%D%/futex.h \
	%D%/heap.h \
	%D%/hist.c \
	%D%/hist.h \
	%D%/hmap.c \
	%D%/hmap.h \
	%D%/le.h \
	%D%/list.h \
	%D%/lock_rank.h \
	%D%/log.c \
	%D%/log.h \
	%D%/mutex.c \
	%D%/mutex.h \
	%D%/opt.c \
	%D%/opt.h \
	%D%/opt_args.c \
	%D%/opt_row.h \
	%D%/opt_source.c \
	%D%/opt_text.c \
	%D%/opt_value.c \
	%D%/pages.c \
	%D%/pages.h \
	%D%/rand.h \
	%D%/slice.h \
	%D%/thread_pool.c \
	%D%/thread_pool.h \
	%D%/token.c \
	%D%/token.h \
	%D%/varint.c \
	%D%/varint.h \
	%D%/when.c \
	%D%/when.h

libavx2_la_SOURCES += %D%/checksum_avx2.c

EXTRA_DIST += %D%/README.md
