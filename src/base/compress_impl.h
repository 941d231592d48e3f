/* SPDX-License-Identifier: MIT */
/* What the files of base/compress* share. Internal to them. */
#ifndef BASE_COMPRESS_IMPL_H
#define BASE_COMPRESS_IMPL_H

#include <zstd.h>

#include "base/compress.h"

/* This thread's contexts, kept; NULL when memory is out. */
ZSTD_CCtx *compress_zstd_in(void);
ZSTD_DCtx *compress_zstd_out(void);

#endif
