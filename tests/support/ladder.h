/* SPDX-License-Identifier: MIT */
/*
 * A history that tells whether a store holds exactly a prefix of it, also
 * when several threads write at once.
 *
 * Each writer climbs its ladder: step i is one batch that writes i under the
 * ladder's top key and under one of its LADDER_KEYS rungs, i mod LADDER_KEYS.
 * From the top follows what every rung must hold.
 */
#ifndef TESTS_SUPPORT_LADDER_H
#define TESTS_SUPPORT_LADDER_H

#include <stdint.h>

#include "ttrunks.h"

#define LADDER_KEYS 397u

/* Takes step `i` (from 1) of ladder `no`; the batch's result. */
int ladder_step(struct tt *db, unsigned no, uint64_t i, bool sync);

/* The step that the store has come to; aborts the test when any rung does not
 * fit. */
uint64_t ladder_check(struct tt *db, unsigned no);

#endif
