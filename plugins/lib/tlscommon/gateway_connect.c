/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/tlscommon/gateway_connect.h"

#include "plugins/lib/tlscommon/peer_check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Each costs a session and a link's buffers. */
#define GATEWAYS_MAX 16

/* The Connection Attempt Delay (RFC 8305 section 5): if an address has not answered by then, the next one is tried in
 * parallel. */
#define ATTEMPT_DELAY (250 * HG_MILLISECOND)
/* An address that has answered gets this long to complete, once, before the next one is tried: on a long path, a
 * handshake takes longer than ATTEMPT_DELAY, and a second one would cost the gateway a needless signature. */
#define ANSWERED_PATIENCE (1500 * HG_MILLISECOND)
/* If a lookup takes longer than this, addresses that worked before are tried in parallel. RFC 8767 does the same in the
 * resolver; we start sooner, since a session and all its exchanges are waiting for the link. */
#define LOOKUP_PATIENCE HG_SECOND

/* ---- Options ---- */

/* Whether it equals one before it. */
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
    if (!strcmp(address->host, "*"))
        return hg_config_error(instance, option, "cannot connect to \"*\"; give the name of the gateway");
    if (is_repeated(addresses, number))
        return hg_config_error(instance, option,
                               "duplicate gateway %s:%u; for several links to a gateway, use the setting `links`",
                               address->host, address->port);
    return 0;
}

/* A certificate can contain nothing else. */
static bool is_name_or_address(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    struct in6_addr address;

    return (*text && !text[strspn(text, letters)]) || inet_pton(AF_INET6, text, &address) == 1;
}

int tlscommon_client_configure(struct hg_instance *instance, const struct tlscommon_client_config *config,
                               gnutls_certificate_credentials_t credentials)
{
    int result = 0;

    if (config->connect.count > GATEWAYS_MAX) {
        hg_config_error(instance, "connect", "too many gateways: %zu, the maximum is %d", config->connect.count,
                        GATEWAYS_MAX);
        result = -1;
    }
    for (size_t i = 0; i < config->connect.count; i++)
        if (check_gateway(instance, &config->connect, i))
            result = -1;
    if (config->server_name && !is_name_or_address(config->server_name)) {
        hg_config_error(instance, "server_name",
                        "\"%s\": expected only a name or IP address, as in the gateway's certificate",
                        config->server_name);
        result = -1;
    }
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

/* ---- Dials ---- */

bool tlscommon_dial_has_next(const struct tlscommon_dial *dial)
{
    return dial->begun < dial->count;
}

static bool is_trying(const struct tlscommon_dial *dial)
{
    for (size_t i = 0; i < dial->begun; i++)
        if (dial->candidates[i].attempt)
            return true;
    return false;
}

static bool has_answer(const struct tlscommon_dial *dial)
{
    for (size_t i = 0; i < dial->begun; i++)
        if (dial->candidates[i].attempt && dial->client->attempts->is_answered(dial->candidates[i].attempt))
            return true;
    return false;
}

static void set_timer(const struct tlscommon_dial *dial, hg_time delay)
{
    hg_timer_set(dial->client->worker->host, dial->timer, delay);
}

/* Removes the dial from the client, and ends everything that it has started. */
static void dial_free(struct tlscommon_dial *dial)
{
    const struct hg_host *host = dial->client->worker->host;

    *dial->previous = dial->next;
    if (dial->next)
        dial->next->previous = dial->previous;
    for (size_t i = 0; i < dial->begun; i++)
        if (dial->candidates[i].attempt)
            dial->client->attempts->end(dial->candidates[i].attempt);
    if (dial->resolution)
        hg_resolve_cancel(host, dial->resolution);
    hg_timer_free(host, dial->timer);
    free(dial->candidates);
    free(dial);
}

static void print_address(char text[INET6_ADDRSTRLEN], const struct hg_sockaddr *address)
{
    const struct sockaddr_storage *storage = &address->address;
    bool is_v6 = storage->ss_family == AF_INET6;

    if (!inet_ntop(storage->ss_family,
                   is_v6 ? (const void *)&((const struct sockaddr_in6 *)storage)->sin6_addr
                         : (const void *)&((const struct sockaddr_in *)storage)->sin_addr,
                   text, INET6_ADDRSTRLEN))
        *text = '\0';
}

/* Tries the next address that can be tried. If there is none and nothing is in progress, reports the failure. */
static void advance(struct tlscommon_dial *dial)
{
    struct tlscommon_client *client = dial->client;
    struct hg_worker *worker = client->worker;
    struct hg_link *link = dial->link;
    char reason[sizeof dial->reason];

    while (tlscommon_dial_has_next(dial)) {
        struct tlscommon_candidate *candidate = &dial->candidates[dial->begun++];

        if (tlscommon_dial_has_next(dial) && !client->one_at_a_time)
            set_timer(dial, ATTEMPT_DELAY);
        if (client->attempts->begin(dial, &candidate->address, reason, sizeof reason) == 0)
            return;
        snprintf(dial->reason, sizeof dial->reason, "%s", reason);
        if (tlscommon_dial_has_next(dial))
            hg_log(worker->instance, HG_LOG_INFO, "%s; trying the next address", reason);
    }
    if (is_trying(dial) || dial->resolution)
        return;
    snprintf(reason, sizeof reason, "%s", dial->reason);
    dial_free(dial);
    hg_link_down(worker, link, reason);
}

void tlscommon_dial_begun(struct tlscommon_dial *dial, void *attempt)
{
    dial->candidates[dial->begun - 1].attempt = attempt;
}

void tlscommon_dial_failed(struct tlscommon_dial *dial, const void *attempt, const char *reason)
{
    const struct hg_instance *instance = dial->client->worker->instance;

    for (size_t i = 0; i < dial->begun; i++)
        if (dial->candidates[i].attempt == attempt)
            dial->candidates[i].attempt = NULL;
    snprintf(dial->reason, sizeof dial->reason, "%s", reason);
    if (tlscommon_dial_has_next(dial))
        hg_log(instance, HG_LOG_INFO, "%s; trying the next address", reason);
    else if (is_trying(dial))
        hg_log(instance, HG_LOG_INFO, "%s; another address is still being tried", reason);
    set_timer(dial, 0); /* this may be running inside begin() */
}

static void add_address(struct tlscommon_dial *dial, const struct hg_sockaddr *address)
{
    for (size_t i = 0; i < dial->count; i++)
        if (dial->candidates[i].address.size == address->size &&
            !memcmp(&dial->candidates[i].address.address, &address->address, address->size))
            return;
    dial->candidates[dial->count++] = (struct tlscommon_candidate){.address = *address};
}

/* Adds new addresses, with the families interleaved as in RFC 8305 section 4: the resolver has sorted them by RFC
 * 6724, all of one family first, and that family may not work at all. `count` is at least 1. Returns -1 when out of
 * memory. */
static int add_addresses(struct tlscommon_dial *dial, const struct hg_sockaddr *addresses, size_t count)
{
    struct tlscommon_candidate *grown = realloc(dial->candidates, (dial->count + count) * sizeof *grown);
    size_t of_first = 0, of_others = 0;

    if (!grown)
        return -1;
    dial->candidates = grown;
    for (size_t taken = 0; taken < count; taken++) {
        bool first = taken % 2 == 0;
        size_t *at;

        while (of_first < count && addresses[of_first].address.ss_family != addresses[0].address.ss_family)
            of_first++;
        while (of_others < count && addresses[of_others].address.ss_family == addresses[0].address.ss_family)
            of_others++;
        at = of_others == count || (first && of_first < count) ? &of_first : &of_others;
        add_address(dial, &addresses[(*at)++]);
    }
    return 0;
}

/* Tries the addresses that worked before, if there are any. */
static bool use_known(struct tlscommon_dial *dial, const char *why)
{
    const struct tlscommon_gateway *gateway = dial->gateway;

    if (!gateway->known_count || add_addresses(dial, gateway->known, gateway->known_count))
        return false;
    hg_log(dial->client->worker->instance, HG_LOG_INFO, "%s; trying the previous addresses", why);
    advance(dial);
    return true;
}

static void on_timer(void *arg)
{
    struct tlscommon_dial *dial = arg;
    const char *name = dial->gateway->address->host;
    char text[sizeof dial->reason];

    if (dial->resolution && !dial->count) {
        snprintf(text, sizeof text, "cannot look up %s: no response from a name server yet", name);
        use_known(dial, text);
        return;
    }
    if (dial->client->one_at_a_time && is_trying(dial))
        return;
    if (tlscommon_dial_has_next(dial) && !dial->is_patient && has_answer(dial)) {
        dial->is_patient = true;
        set_timer(dial, ANSWERED_PATIENCE);
        return;
    }
    if (tlscommon_dial_has_next(dial) && dial->candidates[dial->begun - 1].attempt) {
        print_address(text, &dial->candidates[dial->begun - 1].address);
        hg_log(dial->client->worker->instance, HG_LOG_INFO, "no response from %s yet; trying the next address as well",
               text);
    }
    advance(dial);
}

static void resolved(void *arg, const struct hg_sockaddr *addresses, size_t count, const char *error)
{
    struct tlscommon_dial *dial = arg;
    bool waits = dial->count > 0; /* for attempts with known addresses */

    dial->resolution = NULL;
    if (count == 0 || add_addresses(dial, addresses, count)) {
        snprintf(dial->reason, sizeof dial->reason, "cannot look up %s: %s", dial->gateway->address->host,
                 count == 0 ? error : "out of memory");
        if (!waits && use_known(dial, dial->reason))
            return;
    }
    if (waits)
        set_timer(dial, 0);
    else
        advance(dial);
}

/* Remembers the addresses of a successful dial, the one that succeeded first. */
static void remember(struct tlscommon_gateway *gateway, const struct tlscommon_dial *dial, const void *attempt)
{
    struct hg_sockaddr *known = malloc(dial->count * sizeof *known);
    size_t count = 1;

    if (!known)
        return;
    for (size_t i = 0; i < dial->count; i++)
        known[dial->candidates[i].attempt == attempt ? 0 : count++] = dial->candidates[i].address;
    free(gateway->known);
    gateway->known = known;
    gateway->known_count = count;
}

struct hg_link *tlscommon_dial_succeeded(struct tlscommon_dial *dial, const void *attempt)
{
    struct hg_link *link = dial->link;

    remember(dial->gateway, dial, attempt);
    for (size_t i = 0; i < dial->begun; i++)
        if (dial->candidates[i].attempt == attempt)
            dial->candidates[i].attempt = NULL;
    dial_free(dial);
    return link;
}

int tlscommon_client_connect(struct tlscommon_client *client, struct hg_link *link, size_t gateway)
{
    struct tlscommon_dial *dial = calloc(1, sizeof *dial);
    struct hg_worker *worker = client->worker;

    if (dial) {
        dial->client = client;
        dial->gateway = &client->gateways[gateway];
        dial->link = link;
        dial->timer = hg_timer_new(worker, on_timer, dial);
    }
    if (dial && dial->timer)
        dial->resolution =
            hg_resolve(worker, dial->gateway->address->host, dial->gateway->address->port, resolved, dial);
    if (!dial || !dial->resolution) {
        hg_log(worker->instance, HG_LOG_ERROR, "cannot connect: out of memory");
        if (dial)
            hg_timer_free(worker->host, dial->timer);
        free(dial);
        return -1;
    }
    if (dial->gateway->known_count)
        set_timer(dial, LOOKUP_PATIENCE);
    dial->next = client->dials;
    dial->previous = &client->dials;
    if (dial->next)
        dial->next->previous = &dial->next;
    client->dials = dial;
    return 0;
}

void tlscommon_client_cancel(struct tlscommon_client *client, const struct hg_link *link)
{
    struct tlscommon_dial *dial = client->dials;

    while (dial && dial->link != link)
        dial = dial->next;
    if (dial)
        dial_free(dial);
}

/* ---- Creation and destruction ---- */

int tlscommon_client_init(struct tlscommon_client *client, struct hg_worker *worker,
                          const struct tlscommon_client_config *config, const struct tlscommon_attempts *attempts)
{
    const struct hg_address *addresses = config->connect.items;

    *client = (struct tlscommon_client){.worker = worker, .config = config, .attempts = attempts};
    client->gateways = calloc(config->connect.count, sizeof *client->gateways);
    if (!client->gateways)
        return -1;
    for (size_t i = 0; i < config->connect.count; i++)
        client->gateways[i].address = &addresses[i];
    return 0;
}

void tlscommon_client_fini(struct tlscommon_client *client)
{
    for (size_t i = 0; i < client->config->connect.count; i++) {
        tlscommon_gateway_forget(&client->gateways[i]);
        free(client->gateways[i].known);
    }
    free(client->gateways);
}
