/* SPDX-License-Identifier: MIT */
/*
 * Writing manifests. Every append is durable on return. A writer that failed
 * is broken: what is on disk is unknown, and every further append is refused
 * until the store is reopened (or a new manifest is begun and made current).
 * One thread at a time.
 */
#ifndef LSM_MANIFEST_WRITER_H
#define LSM_MANIFEST_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct env;
struct manifest_writer;

/*
 * Begins STORE/MANIFEST-NNNNNN with `snapshot` (an encoded edit) as its first
 * record, durable, its name too. It is not the live one until
 * manifest_set_current(). On failure the file is removed again.
 */
int manifest_create(struct env *env, const char *dir, uint64_t file_no,
		    struct tt_slice snapshot, struct manifest_writer **out);

/*
 * Continues a manifest behind its last valid record, at offset `end` as the
 * reader found it. Makes what is there durable; with `is_torn` what lies behind
 * `end` is wiped out. Needs no disk space.
 */
int manifest_reopen(struct env *env, const char *dir, uint64_t file_no,
		    uint64_t end, bool is_torn, struct manifest_writer **out);

/* NULL does nothing. */
int manifest_close(struct manifest_writer *m);

/*
 * Appends one record and makes it durable. Want of space (-ENOSPC, -EDQUOT)
 * leaves the manifest as it was, as a rule: it may be tried again. Any other
 * failure, and a want of space even for what is there already, breaks the
 * writer: TT_EPOISONED from then on.
 */
int manifest_append(struct manifest_writer *m, struct tt_slice edit);

/* Breaks the writer: appends are refused from now on. */
void manifest_break(struct manifest_writer *m);
bool manifest_is_broken(const struct manifest_writer *m);
/* Broken for want of space: a new one will do, once there is room. */
bool manifest_lacks_space(const struct manifest_writer *m);

uint64_t manifest_file_no(const struct manifest_writer *m);
/* Bytes of header and records. */
uint64_t manifest_size(const struct manifest_writer *m);

/* Makes MANIFEST-NNNNNN the live one, atomically and durably. */
int manifest_set_current(struct env *env, const char *dir, uint64_t file_no);

#endif
