/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Sending what a link has to send at the end of a turn of the loop.
 */
#ifndef CORE_SESSION_LINK_FLUSH_H
#define CORE_SESSION_LINK_FLUSH_H

#include "core/session/session.h"

#include "core/session/link.h"

/* Sends what is waiting and sets the timer; ends and frees the link if it is over. */
void link_flush(struct hg_link *link);

#endif
