/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Detects changes that may leave a link dead: the machine was suspended, or its addresses or routes have changed. The
 * kernel reports both, so no polling is needed. Frequent changes are reported less and less often.
 */
#ifndef CORE_LOOP_NETWORK_CHANGE_H
#define CORE_LOOP_NETWORK_CHANGE_H

#include "core/base/cold.h"

#include <hopgate/host.h>

struct changes;

/* Calls `changed` after a change, but never from within these functions except changes_look(). NULL when out of memory.
 * Anything that the kernel does not allow to be watched is skipped. */
COLD struct changes *changes_watch(struct hg_worker *worker, hg_callback changed, void *arg);
/* NULL is allowed. */
COLD void changes_unwatch(struct changes *changes);

/* Checks whether the machine was suspended; cheap enough for every turn of the loop. */
COLD void changes_look(struct changes *changes);

#endif
