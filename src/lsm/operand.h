/* SPDX-License-Identifier: MIT */
/*
 * Operands of merge records, one at a time: making and reading the stored form
 * (operand_format.h). What is read may be anything.
 */
#ifndef LSM_OPERAND_H
#define LSM_OPERAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "lsm/operand_format.h"

struct operand {
	uint8_t type;	       /* enum operand_type */
	uint32_t offset;       /* of a patch */
	struct tt_slice bytes; /* what is put there; the operand */
};

/* A patch that borrows `bytes`; TT_ETOOBIG when it would make a value over the
 * limit. */
int operand_patch(struct operand *op, size_t offset, struct tt_slice bytes);

/* Bytes that an operand takes beyond its own. */
#define OPERAND_OVERHEAD sizeof(struct operand_patch)

/* Writes what stands before the bytes of `op`, OPERAND_OVERHEAD bytes at most;
 * returns how many. */
size_t operand_head(const struct operand *op, void *dst);

/* Appends the stored form. */
int operand_append(struct buf *out, const struct operand *op);

/* Takes the first operand off `*list`: 0, TT_END when that is empty, or
 * TT_ECORRUPT. The bytes are the list's. */
int operand_take(struct tt_slice *list, struct operand *out);

/* 0 when a list is well-formed, TT_ECORRUPT when not. */
int operands_check(struct tt_slice list);

#endif
