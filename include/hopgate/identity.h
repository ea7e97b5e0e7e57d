/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The capability "identity": who may open a session, and what it may serve.
 *
 * The same plugin stands at both ends: on a client it presents credentials, on a gateway it verifies them. The
 * credentials travel inside the encrypted link, as the member "credentials" of the control message `open`.
 */
#ifndef HOPGATE_IDENTITY_H
#define HOPGATE_IDENTITY_H

#include <hopgate/buffer.h>
#include <hopgate/plugin.h>
#include <jansson.h>

#define HG_IDENTITY         "identity"
#define HG_IDENTITY_VERSION 1

/** The longest id of a client, in bytes. */
#define HG_IDENTITY_MAX 128

/** Who opened a session. */
struct hg_identity {
    char id[HG_IDENTITY_MAX + 1]; /**< The client's id, as routes name it. */
    const char *const *services;  /**< What it may serve, ended by NULL; NULL: everything. Lives as long as `owner`. */
    struct hg_buffer *owner; /**< A reference for the caller of verify(), who drops it by hg_buffer_unref() when the
                                  identity is no longer used; NULL: `services` lives as long as the instance. */
};

/** What verify() answers. */
enum hg_verify {
    HG_VERIFY_REFUSED = -1,
    HG_VERIFY_GRANTED = 0,
    HG_VERIFY_LATER = 1, /**< By `answered`. */
};

/** Credentials that are looked at. Made by the core. */
struct hg_verification {
    struct hg_identity identity; /**< To be filled before granting. */
    const char *reason;          /**< To be set before refusing: a literal that the peer may see without helping an
                                      attacker ("no such id and token"). */
    void *state;                 /**< The provider's own. */
    /**
     * After HG_VERIFY_LATER, to be called once, in the provider's thread and not within an operation, unless cancel()
     * came before: HG_VERIFY_GRANTED or HG_VERIFY_REFUSED. After this, `verification` is gone.
     */
    void (*answered)(struct hg_verification *verification, enum hg_verify answer);
};

struct hg_identity_ops {
    /**
     * On a client: a new object with its credentials, for the caller to json_decref(), who overwrites the texts in it
     * before. NULL after hg_log().
     */
    json_t *(*present)(struct hg_worker *provider);
    /**
     * On a gateway: looks at credentials from outside, which it may keep no longer than the call. Answers GRANTED with
     * `verification->identity` filled; REFUSED with `verification->reason` set, after hg_log_limited() says what is
     * wrong with them; or LATER, when somebody else must be asked first. It is refused after 8 s.
     */
    enum hg_verify (*verify)(struct hg_worker *provider, const json_t *credentials, struct hg_text peer,
                             struct hg_verification *verification);
    /**
     * On a gateway: the answer is no longer wanted, as the link is gone or it has taken too long; after this,
     * `verification` is gone. Only after LATER and before `answered`. NULL where verify() never answers so.
     */
    void (*cancel)(struct hg_worker *provider, struct hg_verification *verification);
    /**
     * On a gateway: from now on lets `changed(arg)` be called when what verify() has said may not hold any more; in the
     * provider's thread, never within an operation. One at a time: another call replaces it, `changed` NULL ends it.
     * NULL where identities never change.
     */
    void (*watch)(struct hg_worker *provider, void (*changed)(void *arg), void *arg);
    /**
     * On a gateway, where there is watch(): looks again at an identity that verify() has filled. 0: the client may
     * stay; `services` and `owner` are now what holds, the reference to another owner having been dropped. -1: it may
     * not, with
     * `*reason` set to a literal that the client and the log are given ("its token was removed"); the identity is
     * unchanged. Cheap, since it is asked for each session in turn.
     */
    int (*review)(struct hg_worker *provider, struct hg_identity *identity, const char **reason);
    /**
     * On a gateway, from the end of configure() on: whether a client of that id could open a session at all, by what
     * was read then. For doubts about a config. NULL where that cannot be told.
     */
    bool (*knows)(const struct hg_instance *provider, struct hg_text id);
};

#endif
