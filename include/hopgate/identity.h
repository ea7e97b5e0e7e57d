/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The capability "identity": who may open a session, and what it may serve.
 *
 * The same plugin is used at both ends: on a client it presents credentials, on a gateway it verifies them. The
 * credentials travel inside the encrypted link, as the member "credentials" of the control message `open`.
 */
#ifndef HOPGATE_IDENTITY_H
#define HOPGATE_IDENTITY_H

#include <hopgate/buffer.h>
#include <hopgate/plugin.h>
#include <jansson.h>

#define HG_IDENTITY         "identity"
#define HG_IDENTITY_VERSION 1

/** The longest client id, in bytes. */
#define HG_IDENTITY_MAX 128

/** Who opened a session. */
struct hg_identity {
    char id[HG_IDENTITY_MAX + 1]; /**< The client's id, as used in routes: not empty, without "/" and control
                                       characters. */
    const char *const
        *services;           /**< What it may serve, terminated by NULL; NULL: everything. Lives as long as `owner`. */
    struct hg_buffer *owner; /**< A reference for the caller of verify(), to be dropped with hg_buffer_unref() once the
                                  identity is no longer used; NULL: `services` lives as long as the instance. */
};

/** The result of verify(). */
enum hg_verify {
    HG_VERIFY_REFUSED = -1,
    HG_VERIFY_GRANTED = 0,
    HG_VERIFY_LATER = 1, /**< `answered` will be called. */
};

/** Credentials being verified. Created by the core. */
struct hg_verification {
    struct hg_identity identity; /**< To be filled before granting. */
    const char *reason; /**< To be set before refusing: a literal that the peer may see without helping an attacker ("no
                             such id and token"). */
    void *state;        /**< Belongs to the provider. */
    /**
     * After HG_VERIFY_LATER, call this once with HG_VERIFY_GRANTED or HG_VERIFY_REFUSED, in the provider's thread and
     * not within an operation, unless cancel() is called first. It frees `verification`.
     */
    void (*answered)(struct hg_verification *verification, enum hg_verify answer);
};

struct hg_identity_ops {
    /**
     * On a client: returns a new object with its credentials. The caller releases it with json_decref() after
     * overwriting its strings. NULL after hg_log().
     */
    json_t *(*present)(struct hg_worker *provider);
    /**
     * On a gateway: verifies untrusted credentials, which are only valid during the call. Returns GRANTED with
     * `verification->identity` filled; REFUSED with `verification->reason` set, after logging the details with
     * hg_log_limited(); or LATER, if another system must be consulted first. The core refuses after 8 s.
     */
    enum hg_verify (*verify)(struct hg_worker *provider, const json_t *credentials, struct hg_text peer,
                             struct hg_verification *verification);
    /**
     * On a gateway: the result is no longer needed, as the link has ended or it has taken too long; `verification` must
     * not be used afterwards. Only called after LATER and before `answered`. NULL if verify() never returns LATER.
     */
    void (*cancel)(struct hg_worker *provider, struct hg_verification *verification);
    /**
     * On a gateway: from now on, `changed(arg)` is called when the results of verify() may no longer be true; in the
     * provider's thread, never within an operation. There is only one callback: another call replaces it, and a NULL
     * `changed` removes it. NULL if identities never change.
     */
    void (*watch)(struct hg_worker *provider, void (*changed)(void *arg), void *arg);
    /**
     * On a gateway that has watch(): checks an identity filled by verify() again. 0: the client may stay; `services`
     * and `owner` have been updated, and if `owner` has changed, the reference to the old one was dropped. -1: it may
     * not stay; `*reason` is set to a literal for the client and the log ("its token was removed"), and the identity is
     * unchanged. Should be cheap, as it is called for every session.
     */
    int (*review)(struct hg_worker *provider, struct hg_identity *identity, const char **reason);
    /**
     * On a gateway, from the end of configure() on: whether a client with that id could open a session at all,
     * according to the files read in configure(). For config warnings. NULL if that cannot be known.
     */
    bool (*knows)(const struct hg_instance *provider, struct hg_text id);
};

#endif
