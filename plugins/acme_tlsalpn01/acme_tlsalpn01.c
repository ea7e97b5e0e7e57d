/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Answers tls-alpn-01 challenges (RFC 8737): offers `challenge_tlsalpn01`, which has the certificates for handshakes
 * with the protocol acme-tls/1.
 */
#include "config.h"
#include "plugins/lib/x509/x509.h"

#include <gnutls/crypto.h>
#include <hopgate/challenges.h>
#include <hopgate/host.h>
#include <stdio.h>
#include <stdlib.h>

/* A DNS name and its final NUL. */
#define NAME_SIZE 256
/* RFC 8737 section 6.1. */
#define ACME_IDENTIFIER_OID "1.3.6.1.5.5.7.1.31"
#define HASH_SIZE           32

/* A challenge that is being answered. The worker's state is a list of them, newest first; there are only a few, and
 * only during an order. */
struct pending {
    struct pending *next;
    struct hg_certificate *certificate;
    char server_name[NAME_SIZE]; /* what the authority will send as SNI */
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

/* ---- The certificate (RFC 8737 section 3, RFC 8738 section 6) ---- */

/* What the authority sends as SNI: the name itself; for an address, which SNI cannot carry, the reverse name (RFC 1035
 * section 3.5, RFC 3596 section 2.5). Empty: the identifier is too long. */
static void print_server_name(struct hg_text identifier, char name[NAME_SIZE])
{
    uint8_t address[16];
    const size_t size = x509_address(identifier, address);
    int length = 0;

    name[0] = '\0';
    if (!size && identifier.size < NAME_SIZE) {
        snprintf(name, NAME_SIZE, "%.*s", HG_PRINT(identifier));
    } else if (size == 4) {
        snprintf(name, NAME_SIZE, "%u.%u.%u.%u.in-addr.arpa", address[3], address[2], address[1], address[0]);
    } else if (size == 16) {
        for (int i = 15; i >= 0; i--)
            length += snprintf(name + length, NAME_SIZE - (size_t)length, "%x.%x.", address[i] & 15, address[i] >> 4);
        snprintf(name + length, NAME_SIZE - (size_t)length, "ip6.arpa");
    }
}

/* A name over 64 bytes cannot be a common name (RFC 5280, ub-common-name), so the subject is always the same. The
 * extension acmeIdentifier is critical, so that nobody takes this for an ordinary certificate. */
static struct hg_certificate *make_certificate(const struct hg_challenge *challenge)
{
    uint8_t hash[2 + HASH_SIZE] = {0x04, HASH_SIZE}; /* an octet string */
    char name[NAME_SIZE];

    snprintf(name, sizeof name, "%.*s", HG_PRINT(challenge->identifier));
    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, challenge->key_authorization.data, challenge->key_authorization.size,
                         hash + 2) < 0)
        return NULL;
    return x509_self_signed(&(struct x509_self_signed){.subject = "ACME challenge",
                                                       .names = (const char *[]){name},
                                                       .name_count = 1,
                                                       .now = time(NULL),
                                                       .oid = ACME_IDENTIFIER_OID,
                                                       .extension = {hash, sizeof hash}});
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
    print_server_name(challenge->identifier, pending->server_name);
    pending->certificate = make_certificate(challenge);
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
