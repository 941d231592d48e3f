/* SPDX-License-Identifier: MIT */
/*
 * Bytes for people. A terminal must not be told what to do by a value, and a
 * line must stay a line: what is no printable UTF-8 is shown as \n, \t, \\ or
 * \xNN. One thread.
 */
#ifndef TOOLS_RENDER_H
#define TOOLS_RENDER_H

#include <stdbool.h>
#include <stdio.h>

#include "base/slice.h"

/* Writes `s` as it is, or escaped; newlines stay when `keep_lines`. */
void render_bytes(FILE *f, struct tt_slice s, bool raw, bool keep_lines);

/* "1,234,567", in `text` of at least 32 bytes; returns it. */
const char *render_count(unsigned long long v, char *text);

#endif
