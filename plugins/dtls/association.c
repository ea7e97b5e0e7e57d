/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/dtls/association.h"

#include "plugins/dtls/certificate.h"
#include "plugins/lib/tlscommon/peer_check.h"

#include <errno.h>
#include <gnutls/dtls.h>
#include <stdio.h>
#include <string.h>

/* The datagram size that packets start with (RFC 8899 section 5.1.2: BASE_PLPMTU). It fits wherever IPv6 works (RFC
 * 8200 section 5: 1,280 bytes). */
#define BASE_DATAGRAM 1200
/* The most that GnuTLS puts into one datagram, and the least that any path is assumed to carry (RFC 791: 576 bytes).
 * A gateway fragments its handshake messages to the latter from the first flight on: GnuTLS reassembles only
 * adjacent fragments, so a flight fragmented differently after a loss could not complete what had arrived of the
 * previous one. */
#define DATAGRAM_MAX 16384
#define DATAGRAM_MIN 548

/* Milliseconds until a flight is first retransmitted; doubled each time (RFC 6347 section 4.2.4.1). */
#define RETRANSMIT_MS 400

/* For how long, and how often, the peer must appear to have forgotten the association, with no authentic record in
 * between. */
#define SUSPICION_TIME  HG_SECOND
#define SUSPICION_COUNT 3

/* For handshake messages: a ClientHello must fit into one datagram, as a gateway keeps no state before the cookie. */
static size_t handshake_datagram(const struct dtls_association *association)
{
    return association->is_client ? association->datagram : DATAGRAM_MIN;
}

/* ---- GnuTLS callbacks ---- */

static ssize_t pull(gnutls_transport_ptr_t context, void *buffer, size_t size)
{
    struct dtls_association *association = context;

    if (association->input_size == 0) {
        gnutls_transport_set_errno(association->session, EAGAIN);
        return -1;
    }
    if (size > association->input_size)
        size = association->input_size;
    memcpy(buffer, association->input, size);
    association->input_size = 0;
    return (ssize_t)size;
}

static int pull_timeout(gnutls_transport_ptr_t context, unsigned milliseconds)
{
    const struct dtls_association *association = context;

    (void)milliseconds;
    return association->input_size > 0;
}

static ssize_t push(gnutls_transport_ptr_t context, const void *bytes, size_t size)
{
    struct dtls_association *association = context;
    size_t join = association->state == DTLS_UP ? 0 : handshake_datagram(association);

    /* dtls_association_send() has made room for its packet. Anything else that does not fit counts as lost on the way;
     * if an error were returned, GnuTLS would queue it. */
    dtls_socket_append(association->socket, association, &association->path, bytes, size, join);
    return (ssize_t)size;
}

/* ---- Start and end ---- */

static void on_timer(void *arg);

static int set_up_session(struct dtls_association *association, unsigned flags)
{
    /* The tunnel detects duplicates by packet number, and reordering beyond 64 records is not an attack. */
    gnutls_session_t session = tlscommon_setup_session(
        &association->dtls->instance->setup, flags | GNUTLS_DATAGRAM | GNUTLS_NONBLOCK | GNUTLS_NO_REPLAY_PROTECTION);

    if (!session)
        return -1;
    association->session = session;
    gnutls_session_set_ptr(session, association);
    gnutls_transport_set_ptr(session, association);
    gnutls_transport_set_pull_function(session, pull);
    gnutls_transport_set_pull_timeout_function(session, pull_timeout);
    gnutls_transport_set_push_function(session, push);
    /* We keep the deadline ourselves, since GnuTLS cannot check its own while a handshake is parked. */
    gnutls_dtls_set_timeouts(session, RETRANSMIT_MS, 24 * 3600 * 1000);
    gnutls_dtls_set_mtu(session, (unsigned)handshake_datagram(association));
    return 0;
}

int dtls_association_init(struct dtls_association *association, struct dtls_worker *dtls,
                          const struct dtls_owner *owner, struct dtls_socket *socket, const struct dtls_path *path,
                          unsigned flags)
{
    memset(association, 0, sizeof *association);
    association->dtls = dtls;
    association->owner = owner;
    association->socket = socket;
    association->path = *path;
    association->is_client = (flags & GNUTLS_CLIENT) != 0;
    association->datagram = BASE_DATAGRAM;
    association->deadline = hg_now(dtls->worker) + dtls->config->handshake_timeout;
    dtls_list_init(&association->touched);
    dtls_list_init(&association->blocked);
    association->timer = hg_timer_new(dtls->worker, on_timer, association);
    if (!association->timer)
        return -1;
    if (set_up_session(association, flags) < 0) {
        hg_timer_free(dtls->worker->host, association->timer);
        return -1;
    }
    socket->send_failed = dtls_association_send_failed;
    return 0;
}

void dtls_association_enter(struct dtls_association *association)
{
    association->busy++;
}

bool dtls_association_leave(struct dtls_association *association)
{
    if (--association->busy > 0 || association->state != DTLS_ENDED)
        return association->state != DTLS_ENDED;
    gnutls_deinit(association->session);
    dtls_certificate_release(association);
    association->owner->free(association);
    return false;
}

void dtls_association_end(struct dtls_association *association)
{
    if (association->state == DTLS_ENDED)
        return;
    dtls_association_enter(association);
    association->state = DTLS_ENDED;
    association->link = NULL;
    dtls_list_remove(&association->touched);
    dtls_list_remove(&association->blocked);
    hg_timer_free(association->dtls->worker->host, association->timer);
    association->timer = NULL;
    dtls_socket_forget(association->socket, association);
    association->owner->remove(association);
    dtls_association_leave(association);
}

/* ---- Path limit ---- */

/* The largest datagram that can be sent: `mtu` if configured, but no more than the route takes. The core finds out by
 * probing what gets through. */
static size_t choose_datagram(const struct dtls_association *association)
{
    const struct dtls_config *config = association->dtls->config;
    size_t limit = dtls_path_route_limit(&association->path);

    if (config->mtu) {
        size_t wanted = (size_t)config->mtu - dtls_path_headers(&association->path);

        limit = limit > 0 && limit < wanted ? limit : wanted;
    } else if (limit == 0) {
        limit = association->datagram;
    }
    if (limit > DATAGRAM_MAX)
        limit = DATAGRAM_MAX;
    return limit < DATAGRAM_MIN ? DATAGRAM_MIN : limit;
}

static void set_datagram(struct dtls_association *association, size_t datagram)
{
    association->datagram = datagram;
    if (association->state == DTLS_UP || association->is_client)
        gnutls_dtls_set_mtu(association->session, (unsigned)datagram);
}

/* The kernel refused a datagram of the handshake, or reported an error caused by an earlier one. */
static void shrink_handshake(struct dtls_association *association, size_t datagram)
{
    size_t limit = dtls_path_route_limit(&association->path);

    if (limit == 0 || limit >= association->datagram)
        limit = datagram > BASE_DATAGRAM ? BASE_DATAGRAM : DATAGRAM_MIN;
    if (limit < DATAGRAM_MIN)
        limit = DATAGRAM_MIN;
    if (limit < association->datagram)
        set_datagram(association, limit);
}

/* The kernel refused a datagram of that size, or (0) reports that a router did. */
static void shrink(struct dtls_association *association, size_t datagram)
{
    size_t route = dtls_path_route_limit(&association->path), limit;

    if (datagram > association->ordinary) {
        limit = route > 0 && route < datagram ? route : datagram - 1;
        association->probe_max = limit - association->record;
    } else {
        /* The route's MTU may not explain it. In that case, small datagrams got errors that were caused by others. */
        limit = datagram > BASE_DATAGRAM ? BASE_DATAGRAM : DATAGRAM_MIN;
        if (route > 0 && route < association->ordinary)
            limit = route;
        else if (datagram != association->ordinary)
            return;
        /* A report of less may be forged, and small packets are costly. */
        if (limit < BASE_DATAGRAM && datagram == 0)
            limit = BASE_DATAGRAM;
        association->max_packet = limit - association->record;
    }
    /* Reported to the core later, as this may be running inside one of its calls. */
    hg_timer_set(association->dtls->worker->host, association->timer, 0);
}

static void report_core(struct dtls_association *association)
{
    struct hg_worker *worker = association->dtls->worker;
    size_t probe_max = association->probe_max, max_packet = association->max_packet;

    if (association->wants_check)
        hg_link_check(worker, association->link);
    association->wants_check = false;
    if (association->is_old)
        hg_link_renew(worker, association->link);
    association->is_old = false;
    association->probe_max = association->max_packet = 0;
    /* Larger packets now count as probes again. */
    if (max_packet)
        association->ordinary = max_packet + association->record;
    if (probe_max)
        hg_link_set_probe_max(worker, association->link, probe_max);
    if (max_packet)
        hg_link_set_max_packet(worker, association->link, max_packet);
}

/* ---- Failures ---- */

void dtls_association_lose(struct dtls_association *association, const char *reason)
{
    if (association->lost || association->state == DTLS_ENDED)
        return;
    association->lost = true;
    snprintf(association->reason, sizeof association->reason, "%s", reason);
    hg_timer_set(association->dtls->worker->host, association->timer, 0);
}

void dtls_association_suspect(struct dtls_association *association, const char *reason)
{
    hg_time now = hg_now(association->dtls->worker);

    /* Only errors that may be caused by something we sent count, and any authentic record clears them, so an attacker
     * who merely guesses addresses cannot end a link whose gateway is alive. */
    if (!association->is_client || !association->sent || association->state != DTLS_UP)
        return;
    association->sent = false;
    if (association->suspicions++ == 0)
        association->suspected = now;
    if (association->suspicions >= SUSPICION_COUNT && now - association->suspected >= SUSPICION_TIME)
        dtls_association_lose(association, reason);
    /* Reported to the core later, as this may be running inside one of its calls. */
    association->wants_check = true;
    hg_timer_set(association->dtls->worker->host, association->timer, 0);
}

void dtls_association_send_failed(void *context, int error, size_t datagram)
{
    struct dtls_association *association = context;

    ++*association->dtls->counters.send_errors;
    if (error == EMSGSIZE && association->state == DTLS_UP) {
        shrink(association, datagram);
    } else if (error == EMSGSIZE) {
        shrink_handshake(association, datagram);
    } else if (association->is_client && association->state != DTLS_UP) {
        char text[DTLS_PATH_TEXT], reason[256];

        dtls_path_print(&association->path, text);
        if (error == ECONNREFUSED)
            snprintf(reason, sizeof reason, "%s: connection refused; nothing is listening on that UDP port", text);
        else
            snprintf(reason, sizeof reason, "cannot send to %s: %s", text, strerror(error));
        /* ENOBUFS and the like are temporary, and a packet filter's EPERM may be, too. */
        if (error == ECONNREFUSED || error == ENETUNREACH || error == EHOSTUNREACH || error == EADDRNOTAVAIL)
            dtls_association_lose(association, reason);
    } else if (error == ECONNREFUSED) {
        dtls_association_suspect(association, "the gateway's UDP port is closed");
    } else if (error == ENETUNREACH || error == EHOSTUNREACH || error == EADDRNOTAVAIL || error == EINVAL) {
        dtls_association_suspect(association, "the local address or route is gone");
    }
}

static const char *failure_text(struct dtls_association *association, int error, char *text, size_t size)
{
    if (association->reason[0])
        return association->reason;
    tlscommon_print_failure(association->session, error, TLSCOMMON_ALPN, text, size);
    return text;
}

void dtls_association_fail(struct dtls_association *association, int error)
{
    char text[256];

    association->alerted = error == GNUTLS_E_FATAL_ALERT_RECEIVED;
    if (gnutls_error_is_fatal(error) && !association->alerted)
        gnutls_alert_send_appropriate(association->session, error);
    dtls_socket_flush(association->socket);
    association->owner->down(association, failure_text(association, error, text, sizeof text));
}

/* ---- Handshake ---- */

static void set_handshake_timer(struct dtls_association *association)
{
    struct hg_worker *worker = association->dtls->worker;
    hg_time now = hg_now(worker), due = association->deadline;

    if (association->answer_by && !association->answered && association->answer_by < due)
        due = association->answer_by;
    if (association->state == DTLS_HANDSHAKE) {
        hg_time retransmit = now + (gnutls_dtls_get_timeout(association->session) + 1) * HG_MILLISECOND;

        if (retransmit < due)
            due = retransmit;
    }
    if (!association->lost)
        hg_timer_set(worker->host, association->timer, due > now ? due - now : 0);
}

void dtls_association_park(struct dtls_association *association)
{
    association->state = DTLS_PARKED;
    set_handshake_timer(association);
}

static void complete(struct dtls_association *association)
{
    hg_timer_stop(association->dtls->worker->host, association->timer);
    dtls_certificate_release(association);
    association->state = DTLS_UP;
    dtls_association_set_limits(association);
    set_datagram(association, association->datagram);
    association->record = association->datagram - gnutls_dtls_get_data_mtu(association->session);
    ++*association->dtls->counters.handshakes;
    if (gnutls_session_is_resumed(association->session))
        ++*association->dtls->counters.resumed;
    association->owner->up(association);
}

bool dtls_association_handshake(struct dtls_association *association)
{
    int result;

    dtls_association_enter(association);
    do {
        result = gnutls_handshake(association->session);
    } while (association->state == DTLS_HANDSHAKE &&
             (result == GNUTLS_E_INTERRUPTED || result == GNUTLS_E_WARNING_ALERT_RECEIVED));
    association->input_size = 0; /* the buffer belongs to the caller */
    if (result == 0)
        complete(association);
    else if (gnutls_error_is_fatal(result))
        dtls_association_fail(association, result);
    else
        set_handshake_timer(association);
    return dtls_association_leave(association);
}

static void handshake_overdue(struct dtls_association *association)
{
    char peer[DTLS_PATH_TEXT], reason[256];

    dtls_path_print(&association->path, peer);
    if (!association->answered)
        snprintf(reason, sizeof reason, "no response from %s; there is no gateway, or UDP is blocked on the way", peer);
    else if (association->certificate.lookup)
        snprintf(reason, sizeof reason, "handshake with %s: no certificate was available in time", peer);
    else
        snprintf(reason, sizeof reason, "the handshake with %s timed out", peer);
    association->owner->down(association, reason);
}

static void on_timer(void *arg)
{
    struct dtls_association *association = arg;
    struct dtls_worker *dtls = association->dtls;
    /* The loop's clock shows when it woke up, and timers may fire early by its granularity. */
    hg_time now = hg_now(dtls->worker) + HG_MILLISECOND;

    dtls_association_enter(association);
    if (association->lost) {
        association->owner->down(association, association->reason);
    } else if (association->state == DTLS_UP) {
        report_core(association);
    } else if (now >= association->deadline ||
               (association->answer_by && !association->answered && now >= association->answer_by)) {
        handshake_overdue(association);
    } else if (association->state == DTLS_HANDSHAKE) {
        dtls_association_handshake(association); /* retransmits the last flight */
    }
    if (association->state != DTLS_ENDED)
        dtls_socket_flush(association->socket);
    dtls_association_leave(association);
    dtls_association_batch_end(dtls);
}

void dtls_association_link_up(struct dtls_association *association)
{
    size_t base = association->datagram, limit = choose_datagram(association);
    char peer[DTLS_PATH_TEXT], security[96];
    struct hg_link_info info;

    tlscommon_print_security(association->session, security, sizeof security);
    info.peer = hg_text(dtls_path_print(&association->path, peer));
    info.security = hg_text(security);
    /* With `mtu` there is nothing to probe for. */
    info.max_packet = (association->dtls->config->mtu || limit < base ? limit : base) - association->record;
    info.probe_max = limit - association->record;
    info.overhead = association->record + dtls_path_headers(&association->path);
    set_datagram(association, limit);
    association->ordinary = info.max_packet + association->record;
    info.congestion = HG_CONGESTION_BBR + (enum hg_congestion)association->dtls->config->congestion;
    hg_link_up(association->dtls->worker, association->link, association, &info);
    /* The batch may contain no packets, but the core now has something to send. */
    if (association->state == DTLS_UP && dtls_list_is_empty(&association->touched))
        dtls_list_append(&association->dtls->touched, &association->touched);
}
