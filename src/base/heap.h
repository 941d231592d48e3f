/* SPDX-License-Identifier: MIT */
/*
 * A binary heap of pointers in the caller's array, smallest first, generated
 * per use so that the comparison inlines:
 *
 *	HEAP_DEFINE(merge_heap, struct child *, child_less)
 *
 * defines struct merge_heap and merge_heap_{init,push,pop,top,fix_top}.
 * child_less(a, b, arg) is a bool function or macro; `arg` is the heap's.
 * The array is the caller's, and must have room. Not thread-safe.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stddef.h>

#include "base/assert.h"
#include "base/compiler.h"

#define HEAP_DEFINE(name, type, less)                                        \
	struct name {                                                        \
		type *items;                                                 \
		size_t n;                                                    \
		size_t cap;                                                  \
		void *arg;                                                   \
	};                                                                   \
	/* An empty heap over the caller's array of `cap` items. */          \
	UNUSED static inline void name##_init(struct name *h, type *items,   \
					      size_t cap, void *arg)         \
	{                                                                    \
		h->items = items;                                            \
		h->n = 0;                                                    \
		h->cap = cap;                                                \
		h->arg = arg;                                                \
	}                                                                    \
	UNUSED static inline void name##_sift_down(struct name *h, size_t i) \
	{                                                                    \
		type x = h->items[i];                                        \
		size_t c;                                                    \
		while ((c = 2 * i + 1) < h->n) {                             \
			if (c + 1 < h->n &&                                  \
			    less(h->items[c + 1], h->items[c], h->arg))      \
				c++;                                         \
			if (!less(h->items[c], x, h->arg))                   \
				break;                                       \
			h->items[i] = h->items[c];                           \
			i = c;                                               \
		}                                                            \
		h->items[i] = x;                                             \
	}                                                                    \
	UNUSED static inline void name##_push(struct name *h, type x)        \
	{                                                                    \
		size_t i = h->n++;                                           \
		assert(h->n <= h->cap);                                      \
		while (i && less(x, h->items[(i - 1) / 2], h->arg)) {        \
			h->items[i] = h->items[(i - 1) / 2];                 \
			i = (i - 1) / 2;                                     \
		}                                                            \
		h->items[i] = x;                                             \
	}                                                                    \
	/* The smallest; the heap must not be empty. */                      \
	UNUSED static inline type name##_top(const struct name *h)           \
	{                                                                    \
		assert(h->n > 0);                                            \
		return h->items[0];                                          \
	}                                                                    \
	/* Restores order after the top item's key has grown. */             \
	UNUSED static inline void name##_fix_top(struct name *h)             \
	{                                                                    \
		name##_sift_down(h, 0);                                      \
	}                                                                    \
	/* Removes and returns the smallest. */                              \
	UNUSED static inline type name##_pop(struct name *h)                 \
	{                                                                    \
		type top = name##_top(h);                                    \
		h->items[0] = h->items[--h->n];                              \
		if (h->n)                                                    \
			name##_sift_down(h, 0);                              \
		return top;                                                  \
	}                                                                    \
	_Static_assert(sizeof(type) > 0, "heap item type")

#endif
