/* SPDX-License-Identifier: MIT */
#include "base/pages.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/mutex.h"

#define PAGE ((size_t)4096)

/* A sanitizer would see no overrun of what is mapped, and no leak. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

int pages_new(struct pages *p, size_t n)
{
	*p = PAGES_INIT;
	p->data = aligned_alloc(PAGE, ROUND_UP(n, PAGE));
	if (!p->data)
		return err_nomem("large memory");
	p->bytes = ROUND_UP(n, PAGE);
	return 0;
}

void pages_free(struct pages *p)
{
	free(p->data);
	*p = PAGES_INIT;
}

#else

/*
 * What was freed last, for who needs about as much next: for a header that
 * takes the place of another, fresh pages would cost as much as reading it.
 */
#define N_KEPT 8
#define KEPT_MOST ((size_t)512 << 10) /* each */

static struct mutex mu = MUTEX_INIT(RANK_PAGES);
static struct pages kept[N_KEPT]; /* guarded by mu */
static unsigned next_kept;	  /* the place that is taken next */

static bool take_kept(struct pages *p, size_t bytes)
{
	bool found = false;

	mutex_lock(&mu);
	for (unsigned i = 0; i < N_KEPT && !found; i++)
		if (kept[i].bytes >= bytes && kept[i].bytes / 2 <= bytes) {
			*p = kept[i];
			kept[i] = PAGES_INIT;
			next_kept = i;
			found = true;
		}
	mutex_unlock(&mu);
	return found;
}

int pages_new(struct pages *p, size_t n)
{
	size_t bytes = ROUND_UP(n, PAGE);
	void *data;

	if (take_kept(p, bytes))
		return 0;
	*p = PAGES_INIT;
	data = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (data == MAP_FAILED)
		return err_nomem("large memory");
	p->data = data;
	p->bytes = bytes;
	return 0;
}

void pages_free(struct pages *p)
{
	struct pages gone = *p;

	*p = PAGES_INIT;
	if (!gone.data)
		return;
	if (gone.bytes <= KEPT_MOST) {
		struct pages was;

		mutex_lock(&mu);
		was = kept[next_kept];
		kept[next_kept] = gone;
		next_kept = (next_kept + 1) % N_KEPT;
		mutex_unlock(&mu);
		gone = was;
	}
	if (gone.data)
		(void)munmap(gone.data, gone.bytes); /* ours: cannot fail */
}

#endif
