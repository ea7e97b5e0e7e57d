/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The stages below the edge in its tests: an origin that answers as the path says, and records the requests that
 * reached it; and a provider of a certificate.
 */
#ifndef PLUGINS_HTTP_TESTS_ANSWER_H
#define PLUGINS_HTTP_TESTS_ANSWER_H

#include <hopgate/certificates.h>
#include <hopgate/host.h>

/* The requests that reached the origin. Shared by its thread and the test's, so read it only when nothing is
 * running. */
struct seen {
    unsigned heads, ends, resets, detaches;
    uint64_t bytes;
    char head[8192];      /* of the last request: lines "name: value" */
    char reason[256];     /* of the last reset */
    unsigned trailers;    /* fields of the last request's trailers */
    struct hg_self *held; /* the exchange of "/hold" */
};

/*
 * Paths: /ok, any other   200 with "ok", after the request's end
 *        /echo            the body and trailers come back, while they arrive
 *        /bytes/N         N bytes of pattern(), length known
 *        /chunks/N        the same, length unknown
 *        /status/N        that status, no body (101 too)
 *        /early           200 with "early", without waiting for the body, which is read
 *        /deaf            the same, and the body is never read
 *        /never           no answer
 *        /hold            no answer, and the body is not read
 *        /continue        100, then like /ok
 *        /hint            103, then like /ok
 *        /truncate/N      like /bytes/N, but reset half way
 *        /truncate-chunks/N, as that with /chunks/N
 *        /undated         like /ok, from HTTP/2.0 and without Date
 *        /refuse          reset with 503, connection_refused, Retry-After 7
 *        /refuse/N        reset with that status alone
 */
const struct hg_plugin *answer_plugin(void);
struct answer_config {
    struct seen *seen;
};
uint8_t answer_pattern(uint64_t at);

/* Offers a self-signed certificate for `localhost`. */
struct certificate_config {
    struct hg_certificate *certificate;
    bool later;     /* answers after the call has returned */
    bool validates; /* has its own protocol, acme-tls/1 */
    char name[256]; /* the server name of the last query … */
    char alpn[64];  /* … and its first protocol */
    unsigned lookups, cancelled;
};
const struct hg_plugin *certificate_plugin(void);
struct hg_certificate *certificate_new(void);

#endif
