/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/dtls/gateway.h"

#include "plugins/dtls/association.h"
#include "plugins/dtls/certificate.h"
#include "plugins/dtls/cookie.h"
#include "plugins/dtls/reconnect_hint.h"

#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_INITIAL 256

/* Batches to read before other events of the loop are handled. */
#define BATCHES_PER_EVENT 4

/* Answers per second to records of unknown associations. */
#define HINTS_PER_SECOND 200
/* The smallest record that is answered: header, explicit nonce and tag of AES-GCM, one byte. */
#define HINT_RECORD_MIN (DTLS_RECORD_HEADER + 8 + 16 + 1)

/* One association. At most three share a path: one that is up; a newer one that is also up, but cannot replace the
 * first, since a peer that completed a handshake has not yet shown who it is; and a handshake. */
struct peer {
    struct dtls_association association; /* first, so that pointers to both can be cast */
    struct dtls_gateway *gateway;
    struct peer *next; /* in the same bucket */
    uint64_t hash;
    struct share share;
    uint8_t random[DTLS_RANDOM_SIZE]; /* of its ClientHello */
    uint32_t place;                   /* in the roster of its port */
    bool is_newer;                    /* up, next to an older one that is also up */
};

/* A listening socket. */
struct port {
    struct dtls_gateway *gateway;
    struct dtls_roster *roster; /* of the instance; or NULL */
    struct dtls_recall *recall; /* or NULL */
    struct dtls_socket socket;
};

struct dtls_gateway {
    struct dtls_worker *dtls;
    struct port **ports;
    size_t port_count;
    struct peer **table;
    size_t table_size; /* a power of two */
    size_t peer_count;
    size_t handshakes;    /* in progress */
    struct shares shares; /* of them */
    uint64_t seed;
    struct dtls_cookie_keys cookies;
    struct ratelimit *ratelimit;
    hg_time hint_second;
    unsigned hints; /* sent in this second */
};

/* ---- The table ---- */

static uint64_t hash_path(const struct dtls_gateway *gateway, const struct dtls_path *path)
{
    uint64_t words[sizeof *path / sizeof(uint64_t)], hash = gateway->seed;

    _Static_assert(sizeof *path % sizeof(uint64_t) == 0, "a path is hashed word by word");
    memcpy(words, path, sizeof words);
    /* The seed is secret, and only verified addresses are stored, so this need not be cryptographically strong. The
     * mixing step is that of SplitMix64. */
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        hash = (hash ^ words[i]) + UINT64_C(0x9e3779b97f4a7c15);
        hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
        hash ^= hash >> 31;
    }
    return hash;
}

/* The associations on a path. */
struct found {
    struct peer *up;
    struct peer *newer;
    struct peer *handshake;
};

static struct found find(const struct dtls_gateway *gateway, const struct dtls_path *path, uint64_t hash)
{
    struct found found = {NULL, NULL, NULL};

    for (struct peer *peer = gateway->table[hash & (gateway->table_size - 1)]; peer; peer = peer->next) {
        if (peer->hash != hash || memcmp(&peer->association.path, path, sizeof *path) != 0)
            continue;
        if (peer->association.state != DTLS_UP)
            found.handshake = peer;
        else if (peer->is_newer)
            found.newer = peer;
        else
            found.up = peer;
    }
    return found;
}

static void grow_table(struct dtls_gateway *gateway)
{
    size_t size = gateway->table_size * 2;
    struct peer **table = calloc(size, sizeof(struct peer *));

    if (!table)
        return; /* the chains merely get longer */
    for (size_t i = 0; i < gateway->table_size; i++) {
        for (struct peer *peer = gateway->table[i], *next; peer; peer = next) {
            next = peer->next;
            peer->next = table[peer->hash & (size - 1)];
            table[peer->hash & (size - 1)] = peer;
        }
    }
    free(gateway->table);
    gateway->table = table;
    gateway->table_size = size;
}

static void add_peer(struct dtls_gateway *gateway, struct peer *peer)
{
    struct peer **bucket;

    if (gateway->peer_count >= gateway->table_size)
        grow_table(gateway);
    bucket = &gateway->table[peer->hash & (gateway->table_size - 1)];
    peer->next = *bucket;
    *bucket = peer;
    gateway->peer_count++;
    gateway->handshakes++;
    shares_add(&gateway->shares, peer->share);
}

static void handshake_over(const struct peer *peer)
{
    peer->gateway->handshakes--;
    shares_remove(&peer->gateway->shares, peer->share);
}

static struct port *port_of(const struct dtls_association *association)
{
    return (struct port *)(void *)((uint8_t *)association->socket - offsetof(struct port, socket));
}

static void remove_peer(struct dtls_association *association)
{
    struct peer *peer = (struct peer *)association;
    struct dtls_gateway *gateway = peer->gateway;
    struct peer **at = &gateway->table[peer->hash & (gateway->table_size - 1)];
    struct found found;

    while (*at != peer)
        at = &(*at)->next;
    *at = peer->next;
    gateway->peer_count--;
    found = find(gateway, &association->path, peer->hash);
    if (found.newer && !found.up)
        found.newer->is_newer = false;
    turns_leave(gateway->dtls->turns, &association->turn);
    dtls_roster_remove(port_of(association)->roster, peer->place);
}

/* ---- Associations ---- */

static void peer_down(struct dtls_association *association, const char *reason)
{
    struct peer *peer = (struct peer *)association;
    struct hg_worker *worker = association->dtls->worker;
    struct hg_link *link = association->link;
    char text[DTLS_PATH_TEXT];

    association->link = NULL;
    if (association->state != DTLS_UP) {
        handshake_over(peer);
        ++*association->dtls->counters.handshakes_failed;
        dtls_path_print(&association->path, text);
        if (association->alerted)
            hg_log_limited(worker->instance, HG_LOG_WARNING, text, "%s aborted the handshake: %s", text, reason);
        else
            hg_log(worker->instance, HG_LOG_DEBUG, "handshake with %s failed: %s", text, reason);
    }
    dtls_association_enter(association);
    dtls_association_end(association);
    if (link)
        hg_link_down(worker, link, reason);
    dtls_association_leave(association);
}

static void peer_up(struct dtls_association *association)
{
    struct peer *peer = (struct peer *)association;
    struct dtls_gateway *gateway = peer->gateway;
    struct found found;

    handshake_over(peer);
    /* The peer that was here before may still be alive, behind the same NAT or on the path. If this one is the same
     * client, `open` will show it, and the core closes the older link; if the old peer is dead, its link times out. */
    peer->is_newer = true;
    found = find(gateway, &association->path, peer->hash);
    peer->is_newer = found.up != NULL;
    if (found.newer && found.newer != peer)
        peer_down(&found.newer->association, "replaced: another handshake from the same address has completed");
    association->link = hg_link_accept(association->dtls->worker);
    if (association->link) {
        peer->place = dtls_roster_add(port_of(association)->roster, &association->path);
        dtls_association_link_up(association);
        return;
    }
    gnutls_alert_send(association->session, GNUTLS_AL_FATAL, GNUTLS_A_INTERNAL_ERROR);
    dtls_socket_flush(association->socket);
    dtls_association_end(association);
}

static void peer_free(struct dtls_association *association)
{
    free(association);
}

static const struct dtls_owner peer_owner = {
    .up = peer_up, .down = peer_down, .remove = remove_peer, .free = peer_free};

/* Starts the handshake of a peer with a valid cookie. */
static void begin(struct port *port, const struct dtls_path *path, uint64_t hash,
                  const struct dtls_record *client_hello, gnutls_dtls_prestate_st *prestate)
{
    struct dtls_gateway *gateway = port->gateway;
    struct peer *peer = calloc(1, sizeof *peer);

    if (!peer)
        return;
    if (dtls_association_init(&peer->association, gateway->dtls, &peer_owner, &port->socket, path, GNUTLS_SERVER) < 0) {
        free(peer);
        return;
    }
    peer->gateway = gateway;
    peer->hash = hash;
    peer->share = turns_share(gateway->dtls->turns, &path->peer.any);
    peer->place = DTLS_ROSTER_NONE;
    memcpy(peer->random, dtls_record_client_random(client_hello), sizeof peer->random);
    add_peer(gateway, peer);
    gnutls_dtls_prestate_set(peer->association.session, prestate);
    gnutls_session_ticket_enable_server(peer->association.session, &gateway->dtls->instance->setup.ticket_key);
    dtls_certificate_begin(&peer->association, peer->share, client_hello);
}

/* Whether another peer with a valid cookie may start a handshake. If not, it is ignored; it retries soon (RFC 6347
 * section 4.2.4). */
static bool may_begin(struct dtls_gateway *gateway, const struct dtls_path *path, const struct peer *replaced)
{
    uint32_t most = (uint32_t)gateway->dtls->config->max_handshakes;
    struct share share = turns_share(gateway->dtls->turns, &path->peer.any);

    if (!replaced && (gateway->handshakes >= most || !shares_has_room(&gateway->shares, share, most))) {
        ++*gateway->dtls->counters.refused;
        return false;
    }
    return ratelimit_admits(gateway->ratelimit, &path->peer.any);
}

static bool has_begun(const struct peer *peer, const struct dtls_record *client_hello)
{
    return peer && memcmp(peer->random, dtls_record_client_random(client_hello), DTLS_RANDOM_SIZE) == 0;
}

static void receive_client_hello(struct port *port, const struct dtls_path *path, uint64_t hash,
                                 const struct dtls_record *client_hello)
{
    struct dtls_gateway *gateway = port->gateway;
    gnutls_dtls_prestate_st prestate;
    struct found found;

    if (!dtls_cookie_verify(&gateway->cookies, hg_now(gateway->dtls->worker), path, client_hello, &prestate)) {
        ++*gateway->dtls->counters.cookies;
        dtls_cookie_send(&gateway->cookies, &port->socket, path);
        return;
    }
    found = find(gateway, path, hash);
    if (has_begun(found.up, client_hello) || has_begun(found.newer, client_hello))
        return; /* a late copy */
    if (has_begun(found.handshake, client_hello)) {
        dtls_association_receive(&found.handshake->association, client_hello); /* retransmitted */
        return;
    }
    if (!may_begin(gateway, path, found.handshake))
        return;
    if (found.handshake)
        peer_down(&found.handshake->association, "the client has restarted");
    begin(port, path, hash, client_hello, &prestate);
}

/* Answers a record of an unknown association: the gateway has restarted, or has given up on the client. The alert says
 * so, though the client need not believe it. It is smaller than what it answers, and alerts are never answered, so it
 * cannot be used for amplification or loops. */
static void hint(struct port *port, const struct dtls_path *path, const struct dtls_record *record)
{
    struct dtls_gateway *gateway = port->gateway;
    hg_time now = hg_now(gateway->dtls->worker);

    if (record->type != DTLS_RECORD_APPLICATION_DATA || record->size < HINT_RECORD_MIN)
        return;
    if (now - gateway->hint_second >= HG_SECOND) {
        gateway->hint_second = now;
        gateway->hints = 0;
    }
    if (gateway->hints++ < HINTS_PER_SECOND)
        dtls_recall_hint(&port->socket, path);
}

/* Passes on a record for an association that is up. If there are two, records that fail to verify with one belong to
 * the other. */
static void receive_up(const struct dtls_record *record, const struct found *found)
{
    struct dtls_association *up = &found->up->association;
    uint64_t forgeries = up->forgeries;

    if (found->newer && record->type != DTLS_RECORD_APPLICATION_DATA)
        dtls_association_receive(&found->newer->association, record);
    if (!dtls_association_receive(up, record) || !found->newer || up->forgeries == forgeries)
        return;
    up->forgeries = forgeries;
    dtls_association_receive(&found->newer->association, record);
}

static void receive_record(struct port *port, const struct dtls_path *path, uint64_t hash,
                           const struct dtls_record *record, struct found *found)
{
    bool handshake_first;

    if (dtls_record_is_client_hello(record)) {
        receive_client_hello(port, path, hash, record);
        *found = find(port->gateway, path, hash);
        return;
    }
    /* During a handshake, data can only belong to the association that is up, and handshake records only to the
     * handshake. An encrypted alert may belong to either; the other one drops it. */
    handshake_first = record->type != DTLS_RECORD_APPLICATION_DATA && found->handshake;
    if (handshake_first) {
        bool both = record->type == DTLS_RECORD_ALERT && record->epoch > 0 && found->up;

        dtls_association_receive(&found->handshake->association, record);
        *found = find(port->gateway, path, hash);
        if (!both || !found->up)
            return;
    }
    if (found->up)
        receive_up(record, found);
    else if (!found->handshake)
        hint(port, path, record);
    *found = find(port->gateway, path, hash);
}

static void receive_arrival(struct port *port, struct dtls_arrival *arrival)
{
    struct dtls_gateway *gateway = port->gateway;
    uint64_t hash = hash_path(gateway, &arrival->path);
    struct found found = find(gateway, &arrival->path, hash);
    const uint8_t *datagram;
    size_t size;

    while (dtls_arrival_next(arrival, &datagram, &size)) {
        struct dtls_record record;

        while (dtls_record_next(&datagram, &size, &record))
            receive_record(port, &arrival->path, hash, &record, &found);
        if (size > 0)
            ++*gateway->dtls->counters.dropped;
    }
}

static void on_io(void *arg, int events)
{
    struct port *port = arg;
    struct dtls_worker *dtls = port->gateway->dtls;
    int count = DTLS_RECEIVE_BATCH;

    if (events & HG_WRITE) {
        dtls_socket_flush(&port->socket);
        if (!port->socket.waiting)
            dtls_association_writable(&port->socket);
    }
    for (int i = 0; (events & HG_READ) && count == DTLS_RECEIVE_BATCH && i < BATCHES_PER_EVENT; i++) {
        count = dtls_receiver_read(dtls->receiver, port->socket.fd);
        for (int j = 0; j < count; j++) {
            struct dtls_arrival arrival;

            if (dtls_receiver_get(dtls->receiver, j, &arrival))
                receive_arrival(port, &arrival);
            else
                ++*dtls->counters.dropped;
        }
        dtls_association_batch_end(dtls);
    }
    if (!port->socket.waiting)
        dtls_socket_flush(&port->socket);
}

/* ---- Creation and destruction ---- */

static void expect_clients(struct port *port)
{
    size_t count;
    const struct dtls_roster_entry *found = dtls_roster_found(port->roster, &count);

    for (size_t i = 0; i < count; i++)
        ratelimit_expect(port->gateway->ratelimit, &found[i].path.peer.any);
    port->recall = dtls_recall_start(port->gateway->dtls->worker, &port->socket, port->roster);
}

static int add_port(struct dtls_gateway *gateway, int fd, struct dtls_roster *roster)
{
    struct port **ports = realloc(gateway->ports, (gateway->port_count + 1) * sizeof(struct port *));
    struct port *port;

    if (!ports)
        return -1;
    gateway->ports = ports;
    port = calloc(1, sizeof *port);
    if (!port)
        return -1;
    port->gateway = gateway;
    port->roster = roster;
    if (dtls_socket_init(&port->socket, gateway->dtls->worker, fd, false, on_io, port) < 0) {
        free(port);
        return -1;
    }
    gateway->ports[gateway->port_count++] = port;
    expect_clients(port);
    return 0;
}

static int open_ports(struct dtls_gateway *gateway)
{
    const struct tlscommon_setup *setup = &gateway->dtls->instance->setup;

    for (size_t i = 0; i < setup->listener_count; i++) {
        int fds[DTLS_LISTENER_SOCKETS];
        size_t count = hg_listener_fds(gateway->dtls->worker, setup->listeners[i], fds, DTLS_LISTENER_SOCKETS);

        for (size_t j = 0; j < count; j++) {
            if (add_port(gateway, fds[j], gateway->dtls->instance->rosters[i * DTLS_LISTENER_SOCKETS + j]) < 0)
                return -1;
        }
    }
    return 0;
}

struct dtls_gateway *dtls_gateway_new(struct dtls_worker *dtls)
{
    struct dtls_gateway *gateway = calloc(1, sizeof *gateway);

    if (!gateway)
        return NULL;
    gateway->dtls = dtls;
    gateway->table_size = TABLE_INITIAL;
    gateway->table = calloc(TABLE_INITIAL, sizeof(struct peer *));
    gateway->ratelimit = ratelimit_new(dtls->worker, &dtls->config->ratelimit);
    dtls->turns = turns_new(dtls->worker);
    if (!gateway->table || !gateway->ratelimit || !dtls->turns ||
        gnutls_rnd(GNUTLS_RND_NONCE, &gateway->seed, sizeof gateway->seed) < 0 ||
        dtls_cookie_keys_init(&gateway->cookies, hg_now(dtls->worker)) < 0 || open_ports(gateway) < 0) {
        hg_log(dtls->worker->instance, HG_LOG_ERROR, "cannot start: out of memory or random bytes");
        dtls_gateway_free(gateway);
        return NULL;
    }
    return gateway;
}

void dtls_gateway_free(struct dtls_gateway *gateway)
{
    if (!gateway)
        return;
    for (size_t i = 0; gateway->table && i < gateway->table_size; i++) {
        while (gateway->table[i])
            dtls_association_end(&gateway->table[i]->association);
    }
    for (size_t i = 0; i < gateway->port_count; i++) {
        dtls_recall_free(gateway->ports[i]->recall);
        dtls_socket_fini(&gateway->ports[i]->socket);
        free(gateway->ports[i]);
    }
    free(gateway->ports);
    free(gateway->table);
    ratelimit_free(gateway->ratelimit);
    turns_free(gateway->dtls->turns);
    gateway->dtls->turns = NULL;
    dtls_cookie_keys_fini(&gateway->cookies);
    free(gateway);
}
