/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Answers tls-alpn-01 challenges (RFC 8737): offers `challenge_tlsalpn01`, which makes the certificates for handshakes
 * of the protocol acme-tls/1.
 */
#include "config.h"
#include "plugins/acme_tlsalpn01/validation.h"

#include <hopgate/challenges.h>
#include <hopgate/host.h>
#include <stdlib.h>

/* A challenge that is answered. The worker's state is a list of them, the newest first, empty at first: they are few,
 * and only while an order runs. */
struct pending {
    struct pending *next;
    struct hg_certificate *certificate;
    char server_name[VALIDATION_NAME_SIZE]; /* what the authority will ask for */
    size_t token_size;
    char token[];
};

static struct pending **find_token(struct hg_worker *worker, struct hg_text token)
{
    struct pending **at = (struct pending **)&worker->state;

    while (*at && !hg_text_equal((struct hg_text){(*at)->token, (*at)->token_size}, token))
        at = &(*at)->next;
    return at;
}

static void drop(struct pending **at)
{
    struct pending *pending = *at;

    *at = pending->next;
    hg_certificate_unref(pending->certificate);
    free(pending);
}

/* ---- The capability ---- */

static int present(struct hg_worker *provider, const struct hg_challenge *challenge)
{
    struct pending *pending;

    if (*find_token(provider, challenge->token))
        return 0;
    pending = calloc(1, sizeof *pending + challenge->token.size);
    if (!pending)
        return -1;
    pending->token_size = challenge->token.size;
    memcpy(pending->token, challenge->token.data, challenge->token.size);
    validation_server_name(challenge->identifier, pending->server_name);
    pending->certificate = validation_certificate(challenge->identifier, challenge->key_authorization);
    if (!pending->certificate) {
        free(pending);
        return -1;
    }
    pending->next = provider->state;
    provider->state = pending;
    return 0;
}

static void withdraw(struct hg_worker *provider, struct hg_text token)
{
    struct pending **at = find_token(provider, token);

    if (*at)
        drop(at);
}

static struct hg_certificate *find(struct hg_worker *provider, const struct hg_certificate_query *query)
{
    const struct pending *pending = provider->state;

    while (pending && !hg_text_equal_nocase(hg_text(pending->server_name), query->server_name))
        pending = pending->next;
    return pending ? hg_certificate_ref(pending->certificate) : NULL;
}

static void worker_stop(struct hg_worker *worker)
{
    while (worker->state)
        drop((struct pending **)&worker->state);
}

HG_EXPORT const struct hg_plugin *hopgate_plugin(void)
{
    static const struct hg_challenges_ops challenges = {.present = present, .withdraw = withdraw, .find = find};
    static const struct hg_offer offers[] = {{HG_CHALLENGE_TLSALPN01, HG_CHALLENGES_VERSION, &challenges}, {0}};
    static const struct hg_plugin plugin = {
        .abi = HG_ABI,
        .role = HG_ROLE_PROVIDER,
        .name = "acme_tlsalpn01",
        .version = PACKAGE_VERSION,
        .summary = "answers the tls-alpn-01 challenges of an ACME authority",
        .offers = offers,
        .worker_stop = worker_stop,
    };

    return &plugin;
}
