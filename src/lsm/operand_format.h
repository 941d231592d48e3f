/* SPDX-License-Identifier: MIT */
/*
 * The value of a merge record (RECORD_MERGE): operands, back to back, at least
 * one, in the order in which they apply.
 *
 *	offset  size  meaning
 *	0       1     type: enum operand_type
 *	1       4     payload length N, le32
 *	5       N     payload
 *
 * The payload of a patch is an le32 offset and the bytes that stand there from
 * then on; the value is extended with zeros up to the offset. That of a merge
 * is the caller's operand for the store's merge function.
 */
#ifndef LSM_OPERAND_FORMAT_H
#define LSM_OPERAND_FORMAT_H

#include <stdint.h>

#include "base/le.h"

enum operand_type {
	OPERAND_PATCH = 0,
	OPERAND_MERGE = 1,
};

struct operand_header {
	uint8_t type; /* 0: enum operand_type */
	le32 len;     /* 1: of the payload */
};
_Static_assert(sizeof(struct operand_header) == 5, "operand layout");

struct operand_patch {
	struct operand_header h; /* 0: its len counts the offset too */
	le32 offset;		 /* 5 */
};
_Static_assert(sizeof(struct operand_patch) == 9, "patch layout");

#define OPERAND_OFFSET_LEN 4u

#endif
