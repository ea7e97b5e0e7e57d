/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The client's end of a TLS or DTLS transport, except for the socket: the options that name gateways, the session
 * tickets of each, and dialling: finding an address of the gateway that answers.
 */
#ifndef PLUGINS_LIB_TLSCOMMON_GATEWAY_CONNECT_H
#define PLUGINS_LIB_TLSCOMMON_GATEWAY_CONNECT_H

#include <gnutls/gnutls.h>
#include <hopgate/host.h>
#include <hopgate/transport.h>

/* ---- Options ---- */

/* The part of a config struct that TLSCOMMON_CLIENT_OPTIONS fills. */
struct tlscommon_client_config {
    struct hg_list connect; /* of struct hg_address: the gateways */
    const char *server_name;
    const char *ca;
};

/* The entries for the option table of a plugin whose config struct `owner` has them as member `part`. */
#define TLSCOMMON_CLIENT_OPTIONS(owner, part)                                                                          \
    {.name = "connect",                                                                                                \
     .type = HG_OPTION_LIST,                                                                                           \
     .item = HG_OPTION_ADDRESS,                                                                                        \
     .offset = offsetof(owner, part.connect),                                                                          \
     .doc = "On a client: the gateways to connect to; it keeps a session with each. Transports that name the same "    \
            "host connect to the same gateway. If a name has several addresses, all are tried."},                      \
        {.name = "server_name",                                                                                        \
         .type = HG_OPTION_STRING,                                                                                     \
         .offset = offsetof(owner, part.server_name),                                                                  \
         .doc = "On a client: the name or IP address that the certificate of each gateway must contain. Default: the " \
                "host in `connect`."},                                                                                 \
    {                                                                                                                  \
        .name = "ca", .type = HG_OPTION_PATH, .offset = offsetof(owner, part.ca),                                      \
        .doc =                                                                                                         \
            "On a client: PEM file with the authorities trusted to sign the certificates of gateways. Default: the "   \
            "trust store of the system."                                                                               \
    }

/* Checks the options and loads the trusted authorities. Returns 0, or -1 after config errors. */
int tlscommon_client_configure(struct hg_instance *instance, const struct tlscommon_client_config *config,
                               gnutls_certificate_credentials_t credentials);

/* ---- Connecting ---- */

struct tlscommon_client;
struct tlscommon_dial;

/* What a client remembers about a gateway. */
struct tlscommon_gateway {
    const struct hg_address *address;
    gnutls_datum_t session; /* the newest handshake's, with its ticket: for the next handshake */
    struct hg_sockaddr
        *known; /* addresses of the last link, the working one first: used if the name cannot be looked up */
    size_t known_count;
};

/* What a transport does with one address of a gateway. The attempt itself belongs to the transport. */
struct tlscommon_attempts {
    /* Starts one and passes it to tlscommon_dial_begun(). Returns 0, or -1 with `reason` filled and nothing started. */
    int (*begin)(struct tlscommon_dial *dial, const struct hg_sockaddr *address, char *reason, size_t size);
    /* Whether anything has arrived from there. */
    bool (*is_answered)(const void *attempt);
    /* Ends an attempt that is no longer needed; it must not use the dial any longer. */
    void (*end)(void *attempt);
};

/* Of one worker. */
struct tlscommon_client {
    struct hg_worker *worker;
    const struct tlscommon_client_config *config;
    const struct tlscommon_attempts *attempts;
    bool one_at_a_time;                 /* the next address is tried only after the previous one has failed */
    struct tlscommon_gateway *gateways; /* one for each that the config names */
    struct tlscommon_dial *dials;
};

/* An address of the gateway. */
struct tlscommon_candidate {
    struct hg_sockaddr address;
    void *attempt; /* NULL: none in progress */
};

/* A link that the core has requested, until it is up or has failed. The addresses of the gateway race for it (RFC 8305
 * section 5). */
struct tlscommon_dial {
    struct tlscommon_client *client;
    struct tlscommon_gateway *gateway;
    struct hg_link *link;
    struct hg_resolution *resolution; /* NULL: it has ended */
    struct hg_timer *timer;           /* for the next address or, without any yet, for those known from before */
    struct tlscommon_candidate *candidates;
    size_t count, begun;
    bool is_patient;                         /* an address that has answered was given extra time */
    char reason[320];                        /* of the last failure */
    struct tlscommon_dial *next, **previous; /* client->dials */
};

/* Returns 0, or -1 when out of memory; then nothing has to be freed. `config` must outlive it. */
int tlscommon_client_init(struct tlscommon_client *client, struct hg_worker *worker,
                          const struct tlscommon_client_config *config, const struct tlscommon_attempts *attempts);
/* Requires that no links exist. */
void tlscommon_client_fini(struct tlscommon_client *client);

/* The operations of a transport: see <hopgate/transport.h>. */
int tlscommon_client_connect(struct tlscommon_client *client, struct hg_link *link, size_t gateway);
void tlscommon_client_cancel(struct tlscommon_client *client, const struct hg_link *link);

/* Called in begin(), before anything can happen to the attempt. */
void tlscommon_dial_begun(struct tlscommon_dial *dial, void *attempt);
/* Whether there are more addresses. */
bool tlscommon_dial_has_next(const struct tlscommon_dial *dial);
/* An attempt has failed and ended: others continue, or `reason` is reported to the core. This happens later, so the
 * dial stays valid until the transport returns to the loop. */
void tlscommon_dial_failed(struct tlscommon_dial *dial, const void *attempt, const char *reason);
/* An attempt has become the link, which is returned: ends all other attempts and frees the dial. */
struct hg_link *tlscommon_dial_succeeded(struct tlscommon_dial *dial, const void *attempt);

/* The name that the gateway's certificate must match. */
const char *tlscommon_gateway_name(const struct tlscommon_client *client, const struct tlscommon_gateway *gateway);

/* Saves the ticket of a session for the next handshake with this gateway; and lets a session use it. */
void tlscommon_gateway_keep(struct tlscommon_gateway *gateway, gnutls_session_t session);
void tlscommon_gateway_resume(const struct tlscommon_gateway *gateway, gnutls_session_t session);
/* A handshake has failed, possibly because of resumption: the next one will be a full one. */
void tlscommon_gateway_forget(struct tlscommon_gateway *gateway);

#endif
