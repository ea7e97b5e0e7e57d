/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Socket addresses as text.
 */
#ifndef CORE_BASE_SOCKET_ADDRESS_H
#define CORE_BASE_SOCKET_ADDRESS_H

#include <hopgate/types.h>

/* Reads "192.0.2.1:80" or "[2001:db8::1]:80", ignoring the zone. Anything else gives an address of size 0. */
void socket_address_parse(struct hg_sockaddr *address, struct hg_text text);

#endif
