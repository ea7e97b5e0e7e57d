/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The client's end of a TLS or DTLS transport, up to the socket: the options that say which gateways there are, the
 * tickets of each, and the way from the core's wish for a link to an address of the gateway that answers.
 */
#ifndef TLSCOMMON_CONNECT_H
#define TLSCOMMON_CONNECT_H

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

/* Their entries in the option table of a plugin whose config struct `owner` has them as `part`. */
#define TLSCOMMON_CLIENT_OPTIONS(owner, part)                                                                          \
    {.name = "connect",                                                                                                \
     .type = HG_OPTION_LIST,                                                                                           \
     .item = HG_OPTION_ADDRESS,                                                                                        \
     .offset = offsetof(owner, part.connect),                                                                          \
     .doc = "On a client: the gateway, or a list of gateways; it keeps a session with each. Transports that name the " \
            "same host are ways to the same gateway. All addresses of a name are tried in their order."},              \
        {.name = "server_name",                                                                                        \
         .type = HG_OPTION_STRING,                                                                                     \
         .offset = offsetof(owner, part.server_name),                                                                  \
         .doc = "On a client: the name (or IP address) that the certificate of each gateway must be for; by default "  \
                "its host in `connect`."},                                                                             \
    {                                                                                                                  \
        .name = "ca", .type = HG_OPTION_PATH, .offset = offsetof(owner, part.ca),                                      \
        .doc = "On a client: a PEM file with the authorities that may sign the certificates of gateways; by default "  \
               "the system's trust store."                                                                             \
    }

/* Checks them and trusts the authorities. 0, or -1 after config errors. */
int tlscommon_client_configure(struct hg_instance *instance, const struct tlscommon_client_config *config,
                               gnutls_certificate_credentials_t credentials);

/* ---- Connecting ---- */

struct tlscommon_client;
struct tlscommon_wish;

/* What a client remembers of a gateway. */
struct tlscommon_gateway {
    const struct hg_address *address;
    gnutls_datum_t session; /* of the newest handshake, with its ticket: for the next one */
};

/* Begins with one address of a gateway: sets wish->attempt. 0, or -1 with `reason` filled: the next one is tried. */
typedef int (*tlscommon_begin)(struct tlscommon_wish *wish, const struct hg_sockaddr *address, char *reason,
                               size_t size);

/* Of one worker. */
struct tlscommon_client {
    struct hg_worker *worker;
    const struct tlscommon_client_config *config;
    tlscommon_begin begin;
    struct tlscommon_gateway *gateways; /* as many as the config names */
    struct tlscommon_wish *wishes;
};

/* The core's wish for a link, until that is up or down. */
struct tlscommon_wish {
    struct tlscommon_client *client;
    struct tlscommon_gateway *gateway;
    struct hg_link *link;
    void *attempt; /* at one of the addresses, the transport's own; NULL: none is under way */
    struct hg_resolution *resolution;
    struct hg_sockaddr *addresses;
    size_t address_count, next_address;
    struct tlscommon_wish *next, **previous; /* client->wishes */
};

/* 0, or -1 when memory is out: nothing is left to free. `config` must outlive it. */
int tlscommon_client_init(struct tlscommon_client *client, struct hg_worker *worker,
                          const struct tlscommon_client_config *config, tlscommon_begin begin);
/* All links are gone. */
void tlscommon_client_fini(struct tlscommon_client *client);

/* The operations of a transport: see <hopgate/transport.h>. */
int tlscommon_client_connect(struct tlscommon_client *client, struct hg_link *link, size_t gateway);
/* Gives up a wish. An attempt that is under way for it is left to the caller: it knows of no wish any more, and is to
 * be ended. NULL: there is none. */
void *tlscommon_client_cancel(struct tlscommon_client *client, const struct hg_link *link);

/* An attempt has failed, and has ended: the next address, or the core is told `reason`. Frees the wish in that case. */
void tlscommon_wish_go_on(struct tlscommon_wish *wish, const char *reason);
/* Whether there is another address. */
bool tlscommon_wish_has_next(const struct tlscommon_wish *wish);
/* The link is up: frees the wish. */
void tlscommon_wish_free(struct tlscommon_wish *wish);

/* The name that the gateway's certificate must be for. */
const char *tlscommon_gateway_name(const struct tlscommon_client *client, const struct tlscommon_gateway *gateway);

/* Keeps the ticket of a session, for the next handshake with this gateway; and lets a session use it. */
void tlscommon_gateway_keep(struct tlscommon_gateway *gateway, gnutls_session_t session);
void tlscommon_gateway_resume(const struct tlscommon_gateway *gateway, gnutls_session_t session);
/* A handshake has failed. Perhaps it was the resumption: the next one is a full one. */
void tlscommon_gateway_forget(struct tlscommon_gateway *gateway);

#endif
