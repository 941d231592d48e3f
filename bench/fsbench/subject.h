/* SPDX-License-Identifier: MIT */
/* The file systems that are compared, and how each is mounted. */
#ifndef FSBENCH_SUBJECT_H
#define FSBENCH_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run;

#define COMMAND_WORDS 12
#define COMMAND_TEXT 6000

struct command {
	char *words[COMMAND_WORDS + 1];
	int n;
	char text[COMMAND_TEXT]; /* where the words stand */
	size_t len;
};

struct subject {
	const char *name;
	const char *program; /* NULL: nothing is mounted */
	bool forgets;	     /* nothing of it survives its daemon */
	bool says_ready;     /* a line on standard output */
	/* Adds what comes behind the program's name. */
	void (*arguments)(const struct run *r, struct command *c);
	/* Requests of the kernel so far; NULL: it does not tell. */
	uint64_t (*requests)(const struct run *r);
};

/* Subject number `i`; NULL past the last. */
const struct subject *subject_at(unsigned i);
const char *subject_name(unsigned i);

/* Finds the program, beside this one or in PATH; false: not there. */
bool subject_program(const struct subject *s, char out[4096]);

/* Adds a word, printed. */
void command_add(struct command *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
