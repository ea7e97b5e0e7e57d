/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/tlscommon/connect.h"

#include "plugins/tlscommon/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Each costs a session, and a link's buffers. */
#define GATEWAYS_MAX 16

/* ---- Options ---- */

/* Whether one that stands before it is the same. */
static bool is_repeated(const struct hg_address *addresses, size_t number)
{
    for (size_t i = 0; i < number; i++)
        if (addresses[i].port == addresses[number].port && !strcasecmp(addresses[i].host, addresses[number].host))
            return true;
    return false;
}

static int check_gateway(struct hg_instance *instance, const struct hg_list *list, size_t number)
{
    const struct hg_address *addresses = list->items, *address = &addresses[number];
    char option[32] = "connect";

    if (list->count > 1)
        snprintf(option, sizeof option, "connect[%zu]", number);
    if (!strcmp(address->host, "*")) {
        hg_config_error(instance, option, "\"*\" is no address to connect to: give the gateway's name");
        return -1;
    }
    if (is_repeated(addresses, number)) {
        hg_config_error(instance, option,
                        "%s:%u is there already: name each gateway once (for several links to one there is the setting "
                        "`links`)",
                        address->host, address->port);
        return -1;
    }
    return 0;
}

int tlscommon_client_configure(struct hg_instance *instance, const struct tlscommon_client_config *config,
                               gnutls_certificate_credentials_t credentials)
{
    int result = 0;

    if (config->connect.count > GATEWAYS_MAX) {
        hg_config_error(instance, "connect", "%zu gateways are too many: name at most %d", config->connect.count,
                        GATEWAYS_MAX);
        result = -1;
    }
    for (size_t i = 0; i < config->connect.count; i++)
        if (check_gateway(instance, &config->connect, i))
            result = -1;
    return tlscommon_trust(instance, credentials, config->ca) ? -1 : result;
}

/* ---- Gateways ---- */

const char *tlscommon_gateway_name(const struct tlscommon_client *client, const struct tlscommon_gateway *gateway)
{
    return client->config->server_name ? client->config->server_name : gateway->address->host;
}

void tlscommon_gateway_forget(struct tlscommon_gateway *gateway)
{
    if (gateway->session.data)
        gnutls_memset(gateway->session.data, 0, gateway->session.size);
    gnutls_free(gateway->session.data);
    gateway->session = (gnutls_datum_t){NULL, 0};
}

void tlscommon_gateway_keep(struct tlscommon_gateway *gateway, gnutls_session_t session)
{
    gnutls_datum_t fresh;

    if (gnutls_session_get_data2(session, &fresh) < 0)
        return;
    tlscommon_gateway_forget(gateway);
    gateway->session = fresh;
}

void tlscommon_gateway_resume(const struct tlscommon_gateway *gateway, gnutls_session_t session)
{
    if (gateway->session.data)
        gnutls_session_set_data(session, gateway->session.data, gateway->session.size);
}

/* ---- Wishes ---- */

void tlscommon_wish_free(struct tlscommon_wish *wish)
{
    *wish->previous = wish->next;
    if (wish->next)
        wish->next->previous = wish->previous;
    free(wish->addresses);
    free(wish);
}

bool tlscommon_wish_has_next(const struct tlscommon_wish *wish)
{
    return wish->next_address < wish->address_count;
}

void tlscommon_wish_go_on(struct tlscommon_wish *wish, const char *reason)
{
    struct hg_worker *worker = wish->client->worker;
    struct hg_link *link = wish->link;
    char text[320];

    wish->attempt = NULL;
    snprintf(text, sizeof text, "%s", reason);
    while (tlscommon_wish_has_next(wish)) {
        if (wish->next_address++ > 0)
            hg_log(worker->instance, HG_LOG_INFO, "%s; trying the next address", text);
        if (wish->client->begin(wish, &wish->addresses[wish->next_address - 1], text, sizeof text) == 0)
            return;
    }
    tlscommon_wish_free(wish);
    hg_link_down(worker, link, text);
}

static void resolved(void *arg, const struct hg_sockaddr *addresses, size_t count, const char *error)
{
    struct tlscommon_wish *wish = arg;
    char reason[320];

    wish->resolution = NULL;
    if (count > 0)
        wish->addresses = malloc(count * sizeof *addresses);
    if (wish->addresses) {
        memcpy(wish->addresses, addresses, count * sizeof *addresses);
        wish->address_count = count;
    }
    snprintf(reason, sizeof reason, "cannot look up %s: %s", wish->gateway->address->host,
             error ? error : "out of memory");
    tlscommon_wish_go_on(wish, reason);
}

int tlscommon_client_connect(struct tlscommon_client *client, struct hg_link *link, size_t gateway)
{
    struct tlscommon_wish *wish = calloc(1, sizeof *wish);

    if (wish) {
        wish->client = client;
        wish->gateway = &client->gateways[gateway];
        wish->link = link;
        wish->resolution =
            hg_resolve(client->worker, wish->gateway->address->host, wish->gateway->address->port, resolved, wish);
    }
    if (!wish || !wish->resolution) {
        hg_log(client->worker->instance, HG_LOG_ERROR, "cannot connect: out of memory");
        free(wish);
        return -1;
    }
    wish->next = client->wishes;
    wish->previous = &client->wishes;
    if (wish->next)
        wish->next->previous = &wish->next;
    client->wishes = wish;
    return 0;
}

void *tlscommon_client_cancel(struct tlscommon_client *client, const struct hg_link *link)
{
    struct tlscommon_wish *wish = client->wishes;
    void *attempt;

    while (wish && wish->link != link)
        wish = wish->next;
    if (!wish)
        return NULL;
    if (wish->resolution)
        hg_resolve_cancel(client->worker->host, wish->resolution);
    attempt = wish->attempt;
    tlscommon_wish_free(wish);
    return attempt;
}

/* ---- Life ---- */

int tlscommon_client_init(struct tlscommon_client *client, struct hg_worker *worker,
                          const struct tlscommon_client_config *config, tlscommon_begin begin)
{
    const struct hg_address *addresses = config->connect.items;

    *client = (struct tlscommon_client){.worker = worker, .config = config, .begin = begin};
    client->gateways = calloc(config->connect.count, sizeof *client->gateways);
    if (!client->gateways)
        return -1;
    for (size_t i = 0; i < config->connect.count; i++)
        client->gateways[i].address = &addresses[i];
    return 0;
}

void tlscommon_client_fini(struct tlscommon_client *client)
{
    for (size_t i = 0; i < client->config->connect.count; i++)
        tlscommon_gateway_forget(&client->gateways[i]);
    free(client->gateways);
}
