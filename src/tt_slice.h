/* SPDX-License-Identifier: MIT */
/*
 * A borrowed run of bytes, the way keys and values cross every interface.
 *
 * A slice never owns what it points at: whoever handed it out says how long
 * it stays valid. Bytes are arbitrary, zero bytes included. An empty slice
 * has len 0 and any data pointer, NULL too.
 */
#ifndef TT_SLICE_H
#define TT_SLICE_H

#include <stddef.h>

struct tt_slice {
	const void *data;
	size_t len;
};

#endif
