/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Listening sockets: bound before privileges are dropped, and kept as long as the pipeline.
 */
#ifndef CORE_PIPELINE_LISTEN_H
#define CORE_PIPELINE_LISTEN_H

#include "core/base/cold.h"
#include "core/pipeline/pipeline.h"

#include <hopgate/host.h>

/* See hg_listen() and hg_listener_fds(). */
COLD struct hg_listener *listen_bind(struct hg_instance *instance, const char *option, const struct hg_address *address,
                                     int socket_type);
/*
 * Warns at `option` if this user could not listen on this machine, because the address is not local or the port needs
 * privileges. For a moment this binds a TCP socket, without listening, even for a UDP address: the kernel applies the
 * same rules, and a running gateway loses no datagrams. Names are not looked up.
 */
COLD void listen_check(struct hg_instance *instance, const char *option, const struct hg_address *address);
COLD size_t listen_fds(struct hg_worker *worker, const struct hg_listener *listener, int *fds, size_t capacity);
COLD size_t listen_sockets(const struct hg_listener *listener, int *fds, size_t capacity);

/* Logs the addresses that an instance listens on. */
COLD void listen_log(const struct instance *instance);

/* Closes all listening sockets of an instance. */
COLD void listen_close(struct instance *instance);

#endif
