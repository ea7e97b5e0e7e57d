/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The URL of a local service: "http://host[:port][/base]".
 */
#ifndef PLUGINS_LIB_URL_URL_H
#define PLUGINS_LIB_URL_URL_H

#include <hopgate/types.h>

/* The parts of a URL; all texts are parts of the one that was parsed. */
struct url {
    struct hg_text authority; /* host and port as they were written */
    struct hg_text host;      /* a name or an address, IPv6 without its brackets */
    uint16_t port;            /* 80 where none was written */
    struct hg_text base;      /* what goes before each request's path: empty, or beginning but not ending with "/" */
};

/* The result is NULL, or what is wrong with the URL and what to do (a literal). */
const char *url_parse(struct hg_text text, struct url *url);

/* What is wrong with the value of an option `host`, which is "public", "origin" or a host with an optional port; NULL
 * if nothing is. */
const char *url_check_host_option(const char *text);

#endif
