/* SPDX-License-Identifier: MIT */
/*
 * Wire integers: byte arrays with a fixed order. Their alignment is 1 and
 * using one as a number does not compile, so a stored layout can neither
 * drift nor be read in the wrong order. Values are little-endian; parts of
 * keys are big-endian so that memcmp() sorts them. Every get and put is one
 * move (and a byte swap) at -O2.
 */
#ifndef BASE_LE_H
#define BASE_LE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "base/compiler.h"

/* clang-format off */
typedef struct { uint8_t b[2]; } le16;
typedef struct { uint8_t b[4]; } le32;
typedef struct { uint8_t b[8]; } le64;
typedef struct { uint8_t b[2]; } be16;
typedef struct { uint8_t b[4]; } be32;
typedef struct { uint8_t b[8]; } be64;
/* clang-format on */

/*
 * For each type, as here for le32:
 *   uint32_t le32_get(le32 x)            value of a field
 *   le32     le32_make(uint32_t v)       a field of that value
 *   uint32_t le32_load(const void *p)    value of four bytes at any address
 *   void     le32_store(void *p, uint32_t v)
 */
#define WIRE_INT(wire, native, from_wire, to_wire)                   \
	static ALWAYS_INLINE native wire##_load(const void *p)       \
	{                                                            \
		native v;                                            \
		memcpy(&v, p, sizeof(v));                            \
		return from_wire(v);                                 \
	}                                                            \
	static ALWAYS_INLINE void wire##_store(void *p, native v)    \
	{                                                            \
		native w = to_wire(v);                               \
		memcpy(p, &w, sizeof(w));                            \
	}                                                            \
	static ALWAYS_INLINE native wire##_get(wire x)               \
	{                                                            \
		return wire##_load(x.b);                             \
	}                                                            \
	static ALWAYS_INLINE wire wire##_make(native v)              \
	{                                                            \
		wire x;                                              \
		wire##_store(x.b, v);                                \
		return x;                                            \
	}                                                            \
	_Static_assert(sizeof(wire) == sizeof(native), "wire size"); \
	_Static_assert(_Alignof(wire) == 1, "wire alignment")

WIRE_INT(le16, uint16_t, le16toh, htole16);
WIRE_INT(le32, uint32_t, le32toh, htole32);
WIRE_INT(le64, uint64_t, le64toh, htole64);
WIRE_INT(be16, uint16_t, be16toh, htobe16);
WIRE_INT(be32, uint32_t, be32toh, htobe32);
WIRE_INT(be64, uint64_t, be64toh, htobe64);

#endif
