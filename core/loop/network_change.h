/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Changes after which a link may be dead: the machine has slept, or its addresses or routes have changed.
 * The kernel reports both, so nothing wakes up to look. Changes that come in storms are reported more and more rarely.
 */
#ifndef CORE_LOOP_NETWORK_CHANGE_H
#define CORE_LOOP_NETWORK_CHANGE_H

#include <hopgate/host.h>

struct changes;

/* Calls `changed` when there was a change, never within these functions but changes_look(). NULL: out of memory;
 * where the kernel does not let it watch, it goes without. */
struct changes *changes_watch(struct hg_worker *worker, hg_callback changed, void *arg);
/* NULL is allowed. */
void changes_unwatch(struct changes *changes);

/* Looks whether the machine has slept; cheap enough for each turn of the loop. */
void changes_look(struct changes *changes);

#endif
