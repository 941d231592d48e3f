/* SPDX-License-Identifier: MIT */
/*
 * Intrusive doubly linked lists: the link lives in the object, so linking
 * never fails and unlinking needs no search. A list is a circle through its
 * head. Not thread-safe.
 *
 *	struct job { struct list_node link; ... };
 *	struct list_node jobs = LIST_INIT(jobs);
 *	list_push_back(&jobs, &j->link);
 *	LIST_FOR (&jobs, n) { struct job *x = container_of(n, struct job, link); }
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct list_node {
	struct list_node *prev;
	struct list_node *next;
};

#define LIST_INIT(head)          \
	{                        \
		&(head), &(head) \
	}

/* Makes a head empty, or a node linked nowhere. */
static inline void list_init(struct list_node *n)
{
	n->prev = n;
	n->next = n;
}

static inline bool list_is_empty(const struct list_node *head)
{
	return head->next == head;
}

/* True for a node in some list; needs list_init() at birth. */
static inline bool list_is_linked(const struct list_node *n)
{
	return n->next != n;
}

static inline void list_insert_after(struct list_node *at, struct list_node *n)
{
	n->prev = at;
	n->next = at->next;
	at->next->prev = n;
	at->next = n;
}

static inline void list_push_front(struct list_node *head, struct list_node *n)
{
	list_insert_after(head, n);
}

static inline void list_push_back(struct list_node *head, struct list_node *n)
{
	list_insert_after(head->prev, n);
}

/* Unlinks; the node is linked nowhere then, and may be removed again. */
static inline void list_remove(struct list_node *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

/* First or last node, NULL when empty. */
static inline struct list_node *list_first(const struct list_node *head)
{
	return list_is_empty(head) ? NULL : head->next;
}

static inline struct list_node *list_last(const struct list_node *head)
{
	return list_is_empty(head) ? NULL : head->prev;
}

/* Unlinks and returns the first node, NULL when empty. */
static inline struct list_node *list_pop_front(struct list_node *head)
{
	struct list_node *n = list_first(head);

	if (n)
		list_remove(n);
	return n;
}

static inline struct list_node *list_pop_back(struct list_node *head)
{
	struct list_node *n = list_last(head);

	if (n)
		list_remove(n);
	return n;
}

/* Moves all nodes of `from` to the end of `to`. */
static inline void list_splice_back(struct list_node *to,
				    struct list_node *from)
{
	if (list_is_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

/* Every node in order; the body must not unlink `n`. */
#define LIST_FOR(head, n) \
	for (struct list_node *n = (head)->next; n != (head); n = n->next)

/* Every node in order; the body may unlink or free `n`. */
#define LIST_FOR_SAFE(head, n, after)                              \
	for (struct list_node *n = (head)->next, *after = n->next; \
	     n != (head); n = after, after = n->next)

#endif
