/* SPDX-License-Identifier: MIT */
/*
 * The stored form of OPTIONS, the settings that a store was opened with. Text,
 * replaced atomically:
 *
 *	"ttrunks-options 1\n"
 *	"# a comment\n"
 *	"compression = zstd\n"
 *	"retention = 1h\n"
 *	"checksum 0123456789abcdef\n"
 *
 * The first line is magic and format version; each further one is empty, a
 * comment, or a name and a value as tt_options_set() takes them. The last one
 * is the XXH3-64 of everything before it in hexadecimal, in every version.
 */
#ifndef LSM_OPTIONS_FORMAT_H
#define LSM_OPTIONS_FORMAT_H

#define OPTIONS_MAGIC "ttrunks-options "
#define OPTIONS_VERSION 1u
#define OPTIONS_MAX (64u << 10) /* bytes */
#define OPTIONS_TRAILER "checksum "
/* "checksum ", 16 digits and a newline */
#define OPTIONS_TRAILER_LEN (sizeof(OPTIONS_TRAILER) - 1 + 16 + 1)

#endif
