/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The records of an association, in both directions.
 */
#include "plugins/dtls/association.h"

#include <gnutls/crypto.h>

/* More than any cipher suite adds to a packet. */
#define SEAL_OVERHEAD 128

/* ---- Key limits ---- */

/* RFC 9147 section 4.5.3 and appendix B: a client moves its session to a new link before 2^24 records in one direction
 * or a day, and up to a quarter or a sixth of that earlier, so that the clients of a gateway do not all do it at once.
 * With CCM it is half as many records. */
#define RECORDS_MOST     (UINT64_C(1) << 24)
#define RECORDS_MOST_CCM (UINT64_C(1) << 23)
#define AGE_MOST         (24 * 3600 * HG_SECOND)
/* The same section: after 2^36 forgeries, one has succeeded with a probability of 2^-57. For CCM the limit is 2^23.5,
 * of which this is half; with its short tag, it is 2^7. */
#define FORGERIES_MOST       (UINT64_C(1) << 36)
#define FORGERIES_MOST_CCM   (UINT64_C(1) << 23)
#define FORGERIES_MOST_CCM_8 (UINT64_C(1) << 7)

void dtls_association_set_limits(struct dtls_association *association)
{
    uint64_t records = RECORDS_MOST, random = 0;

    association->limits.forgeries = FORGERIES_MOST;
    switch (gnutls_cipher_get(association->session)) {
    case GNUTLS_CIPHER_AES_128_CCM:
    case GNUTLS_CIPHER_AES_256_CCM:
        records = RECORDS_MOST_CCM;
        association->limits.forgeries = FORGERIES_MOST_CCM;
        break;
    case GNUTLS_CIPHER_AES_128_CCM_8:
    case GNUTLS_CIPHER_AES_256_CCM_8:
        records = RECORDS_MOST_CCM;
        association->limits.forgeries = FORGERIES_MOST_CCM_8;
        break;
    default:
        break;
    }
    association->limits.records = association->limits.at = UINT64_MAX;
    if (!association->is_client)
        return; /* only clients open links */
    /* Without random numbers, the clients of a gateway are merely not spread out. */
    if (gnutls_rnd(GNUTLS_RND_NONCE, &random, sizeof random) < 0)
        random = 0;
    association->limits.records = records - random % (records / 4);
    association->limits.at = hg_now(association->dtls->worker) + AGE_MOST - random % (AGE_MOST / 6);
}

/* A record with that number was sent or received. */
static void watch_age(struct dtls_association *association, uint64_t number)
{
    if (number < association->limits.records && hg_now(association->dtls->worker) < association->limits.at)
        return;
    association->limits.records = association->limits.at = UINT64_MAX;
    association->is_old = true;
    hg_timer_set(association->dtls->worker->host, association->timer, 0);
}

/* GnuTLS silently drops records that it cannot verify (RFC 6347 section 4.1.2.7), and drops others for no other reason,
 * as duplicates are let through to the core. Returns whether there were too many. */
static bool count_forgery(struct dtls_association *association, const struct dtls_record *record)
{
    return record->type == DTLS_RECORD_APPLICATION_DATA && record->epoch == 1 &&
           ++association->forgeries >= association->limits.forgeries;
}

/* ---- Receiving ---- */

static void deliver(struct dtls_association *association, gnutls_packet_t packet)
{
    unsigned char sequence[8];
    gnutls_datum_t data;
    uint64_t number = 0;

    gnutls_packet_get(packet, &data, sequence);
    for (size_t i = 0; i < sizeof sequence; i++)
        number = number << 8 | sequence[i];
    /* Only epoch 1 (RFC 6347 section 4.1) carries data, as there is no renegotiation. */
    if (number >> 48 == 1 && data.size > 0) {
        association->suspicions = 0;
        watch_age(association, number & 0xffffffffffff);
        if (dtls_list_is_empty(&association->touched))
            dtls_list_append(&association->dtls->touched, &association->touched);
        hg_link_packet(association->dtls->worker, association->link, number & 0xffffffffffff, data.data, data.size);
    }
    gnutls_packet_deinit(packet);
}

static void receive_up(struct dtls_association *association, const struct dtls_record *record)
{
    gnutls_packet_t packet = NULL;
    ssize_t result = gnutls_record_recv_packet(association->session, &packet);

    if (result > 0) {
        deliver(association, packet);
        return;
    }
    if (packet)
        gnutls_packet_deinit(packet);
    if (result == GNUTLS_E_AGAIN && count_forgery(association, record))
        association->owner->down(association, "too many forged records");
    else if (result == 0 && record->type == DTLS_RECORD_ALERT)
        association->owner->down(association, "closed by the peer");
    else if (result == GNUTLS_E_REHANDSHAKE)
        gnutls_alert_send(association->session, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
    else if (result < 0 && gnutls_error_is_fatal((int)result))
        dtls_association_fail(association, (int)result);
}

/* Whether to pass the record to GnuTLS in the current state. */
static bool is_wanted(struct dtls_association *association, const struct dtls_record *record)
{
    switch (association->state) {
    case DTLS_HANDSHAKE:
        /* Data that overtook the end of the handshake counts as lost. */
        return record->type != DTLS_RECORD_APPLICATION_DATA;
    case DTLS_UP:
        /* An unencrypted alert may come from anyone; it is a hint at most. */
        if (record->epoch == 0 && record->type == DTLS_RECORD_ALERT)
            dtls_association_suspect(association, "the gateway no longer knows this association");
        /* Outside epoch 1, only a flight that the peer retransmits, because our last one was lost, is of use. */
        return record->epoch == 1 || (record->epoch == 0 && record->type == DTLS_RECORD_HANDSHAKE);
    default:
        return false;
    }
}

bool dtls_association_receive(struct dtls_association *association, const struct dtls_record *record)
{
    association->answered = true;
    if (!is_wanted(association, record))
        return association->state != DTLS_ENDED;
    association->input = record->bytes;
    association->input_size = record->size;
    if (association->state == DTLS_HANDSHAKE)
        return dtls_association_handshake(association);
    dtls_association_enter(association);
    receive_up(association, record);
    association->input_size = 0;
    return dtls_association_leave(association);
}

void dtls_association_batch_end(struct dtls_worker *dtls)
{
    while (!dtls_list_is_empty(&dtls->touched)) {
        struct dtls_association *association = DTLS_LIST_ENTRY(dtls->touched.next, struct dtls_association, touched);

        dtls_list_remove(&association->touched);
        dtls_association_enter(association);
        hg_link_batch_end(dtls->worker, association->link);
        dtls_association_leave(association);
    }
}

/* ---- Sending ---- */

uint64_t dtls_association_next_packet_number(void *handle)
{
    struct dtls_association *association = handle;
    unsigned char sequence[8];
    uint64_t number = 0;

    gnutls_record_get_state(association->session, 0, NULL, NULL, NULL, sequence);
    for (size_t i = 2; i < sizeof sequence; i++)
        number = number << 8 | sequence[i];
    watch_age(association, number);
    return number;
}

void dtls_association_skip_packet_number(void *handle)
{
    const struct dtls_association *association = handle;
    unsigned char sequence[8];

    gnutls_record_get_state(association->session, 0, NULL, NULL, NULL, sequence);
    for (size_t i = sizeof sequence; i > 2 && ++sequence[i - 1] == 0; i--)
        ;
    gnutls_record_set_state(association->session, 0, sequence);
}

static int seal(struct dtls_association *association, const uint8_t *packet, size_t size)
{
    struct dtls_socket *socket = association->socket;
    ssize_t sent;

    if (!dtls_socket_has_room(socket, size + SEAL_OVERHEAD)) {
        if (!socket->waiting)
            dtls_socket_flush(socket);
        if (!dtls_socket_has_room(socket, size + SEAL_OVERHEAD)) {
            if (dtls_list_is_empty(&association->blocked))
                dtls_list_append(&socket->blocked, &association->blocked);
            return -1;
        }
    }
    association->sent = true;
    sent = gnutls_record_send(association->session, packet, size);
    if (sent < 0 && gnutls_error_is_fatal((int)sent) && sent != GNUTLS_E_LARGE_PACKET)
        dtls_association_lose(association, gnutls_strerror((int)sent));
    return 0;
}

int dtls_association_send(void *handle, const uint8_t *packet, size_t size)
{
    struct dtls_association *association = handle;

    /* The core now sends packets of this size, so a probe of it has arrived. */
    if (size + association->record > association->ordinary)
        association->ordinary = size + association->record;
    return seal(association, packet, size);
}

int dtls_association_probe(void *handle, const uint8_t *packet, size_t size)
{
    struct dtls_association *association = handle;

    if (seal(association, packet, size) < 0)
        return -1;
    dtls_socket_end_run(association->socket);
    return 0;
}

void dtls_association_flush(void *handle)
{
    struct dtls_association *association = handle;

    if (!association->socket->waiting)
        dtls_socket_flush(association->socket);
}

void dtls_association_close(void *handle, bool graceful)
{
    struct dtls_association *association = handle;

    if (graceful)
        gnutls_bye(association->session, GNUTLS_SHUT_WR);
    dtls_socket_flush(association->socket);
    dtls_association_end(association);
}

void dtls_association_writable(struct dtls_socket *socket)
{
    struct dtls_list blocked;

    dtls_list_take(&blocked, &socket->blocked);
    while (!dtls_list_is_empty(&blocked)) {
        struct dtls_association *association = DTLS_LIST_ENTRY(blocked.next, struct dtls_association, blocked);

        dtls_list_remove(&association->blocked);
        dtls_association_enter(association);
        hg_link_writable(association->dtls->worker, association->link);
        dtls_association_leave(association);
    }
}
