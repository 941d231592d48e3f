/* SPDX-License-Identifier: MIT */
/*
 * What we ask of the compiler beyond C11, each under a plain name that is
 * empty where the compiler does not know it.
 *
 * TT_DEBUG is 1 in debug builds (configure --enable-debug) and in every
 * sanitizer build: it turns on slow_assert() and the lock rank checks. Test
 * it with #if, never #ifdef.
 */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

#include <stddef.h>

#ifndef TT_DEBUG
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TT_DEBUG 1
#else
#define TT_DEBUG 0
#endif
#endif

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* Argument number `fmt` is a printf format for the arguments from `args` on;
 * 0 for `args` marks a function that takes a va_list. */
#define PRINTF_FMT(fmt, args) __attribute__((format(printf, fmt, args)))

#define NORETURN __attribute__((noreturn))
#define COLD __attribute__((cold))
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
#define UNUSED __attribute__((unused))
#define MUST_USE __attribute__((warn_unused_result))

/* Alignment of a type or object, in bytes. */
#define ALIGNED(n) __attribute__((aligned(n)))

/* The unit in which cores fight over memory. */
#define CACHE_LINE 64

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The object that has `member` at address `ptr`. Goes through void pointers,
 * so that alignment warnings stay useful elsewhere. */
#define container_of(ptr, type, member) \
	((type *)(void *)((char *)(void *)(ptr)-offsetof(type, member)))

/*
 * clang's -Wthread-safety annotations. `mu` is the lock object itself, as in
 * REQUIRES(db->mu). gcc sees nothing.
 */
#if defined(__clang__)
#define TT_TSA(x) __attribute__((x))
#else
#define TT_TSA(x)
#endif
#define CAPABILITY(name) TT_TSA(capability(name))
#define REQUIRES(mu) TT_TSA(requires_capability(mu))
#define REQUIRES_SHARED(mu) TT_TSA(requires_shared_capability(mu))
#define EXCLUDES(mu) TT_TSA(locks_excluded(mu))
#define ACQUIRE(mu) TT_TSA(acquire_capability(mu))
#define ACQUIRE_SHARED(mu) TT_TSA(acquire_shared_capability(mu))
#define RELEASE(mu) TT_TSA(release_capability(mu))
#define RELEASE_SHARED(mu) TT_TSA(release_shared_capability(mu))
#define TRY_ACQUIRE(ok, mu) TT_TSA(try_acquire_capability(ok, mu))
#define TRY_ACQUIRE_SHARED(ok, mu) TT_TSA(try_acquire_shared_capability(ok, mu))
#define ASSERT_HELD(mu) TT_TSA(assert_capability(mu))
#define NO_THREAD_SAFETY TT_TSA(no_thread_safety_analysis)

/* Smaller and larger of two values of one type; arguments evaluated twice. */
#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))

/* `x` rounded up or down to a multiple of `n`, a power of two. */
#define ROUND_UP(x, n) (((x) + ((n)-1)) & ~((n)-1))
#define ROUND_DOWN(x, n) ((x) & ~((n)-1))

#endif
