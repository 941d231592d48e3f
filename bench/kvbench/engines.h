/* SPDX-License-Identifier: MIT */
/* The engines that this kvbench was built with. */
#ifndef KVBENCH_ENGINES_H
#define KVBENCH_ENGINES_H

#include "kvbench.h"

/* Engine number `i`; NULL past the last. */
const struct kv_engine *engine_at(unsigned i);

#endif
