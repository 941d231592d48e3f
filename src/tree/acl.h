/* SPDX-License-Identifier: MIT */
/*
 * The rules of POSIX ACLs, on the bytes of schema_format.h: what a new file
 * gets from its directory's default ACL, and how an access ACL and a mode
 * follow each other. Who may do what by an ACL is the kernel's to decide.
 *
 * With a mask entry, the group bits of the mode are the mask.
 * Thread-safe: no state of its own.
 */
#ifndef TREE_ACL_H
#define TREE_ACL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* -EINVAL unless it is a whole ACL: the three entries of a mode, a mask if
 * there are any of named users or groups, nothing twice. */
int acl_check(struct tt_slice acl);

/* Whether it has no entry at all, which asks for its removal. */
bool acl_is_empty(struct tt_slice acl);

/* The functions below want an ACL that acl_check() has passed. */

/* The nine permission bits that agree with it. */
uint32_t acl_mode(struct tt_slice acl);

/* Whether it says no more than a mode can. */
bool acl_is_mode(struct tt_slice acl);

/* chmod: makes it agree with the nine bits of `mode`. */
void acl_follow_mode(uint8_t *acl, size_t len, uint32_t mode);

/* Turns a copy of the directory's default ACL into the access ACL of a file
 * that is made there with `mode`; returns what its nine bits become. */
uint32_t acl_for_new(uint8_t *acl, size_t len, uint32_t mode);

#endif
