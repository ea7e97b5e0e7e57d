/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The URL of a local service: "http://host[:port][/base]".
 */
#ifndef PLUGINS_LIB_URL_URL_H
#define PLUGINS_LIB_URL_URL_H

#include <hopgate/types.h>

/* The parts of a URL; they point into the parsed text. */
struct url {
    struct hg_text authority; /* host and port, unchanged */
    struct hg_text host;      /* a name or an address, IPv6 without brackets */
    uint16_t port;            /* 80 by default */
    struct hg_text base;      /* prepended to each request's path: empty, or starts but does not end with "/" */
};

/* Returns NULL, or what is wrong with the URL and how to fix it (a literal). */
const char *url_parse(struct hg_text text, struct url *url);

/* What is wrong with the value of an option `host`, which is "public", "origin" or a host with an optional port; NULL:
 * nothing. */
const char *url_check_host_option(const char *text);

#endif
