/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/dtls/certificate.h"

#include "plugins/dtls/client_hello.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Passes the saved ClientHello to GnuTLS, which signs. */
static void on_turn(void *arg)
{
    struct dtls_association *association = arg;
    struct dtls_worker *dtls = association->dtls;
    struct dtls_record client_hello = {
        .type = DTLS_RECORD_HANDSHAKE, .bytes = association->parked, .size = association->parked_size};

    association->state = DTLS_HANDSHAKE;
    dtls_association_enter(association);
    dtls_association_receive(association, &client_hello);
    if (association->state != DTLS_ENDED)
        dtls_socket_flush(association->socket);
    dtls_association_leave(association);
    dtls_association_batch_end(dtls);
}

/* The provider's answer, if it was not available at once. */
static void found_later(void *arg)
{
    struct dtls_association *association = arg;
    struct turns *turns = association->dtls->turns;

    if (!turns_take(turns, &association->turn))
        return;
    on_turn(association);
    turns_done(turns);
}

/* Asks the provider. True: the handshake can start, or be refused if there is no certificate. */
static bool find(struct dtls_association *association, const struct dtls_hello *hello)
{
    char name[256], peer[DTLS_PATH_TEXT];
    struct hg_certificate_query query = {.alpn = hello->alpn, .alpn_count = hello->alpn_count};

    if (hello->server_name.size >= sizeof name)
        return true;
    for (size_t i = 0; i < hello->server_name.size; i++)
        name[i] = (char)tolower((unsigned char)hello->server_name.data[i]);
    query.server_name = (struct hg_text){name, hello->server_name.size};
    query.peer = hg_text(dtls_path_print(&association->path, peer));
    return tlscommon_certificate_find(&association->certificate, association->dtls->worker, &query, found_later,
                                      association);
}

static bool park(struct dtls_association *association, const struct dtls_record *client_hello)
{
    association->parked = malloc(client_hello->size);
    if (!association->parked)
        return false;
    memcpy(association->parked, client_hello->bytes, client_hello->size);
    association->parked_size = client_hello->size;
    dtls_association_park(association);
    return true;
}

/* The certificate is known. */
static void begin(struct dtls_association *association, const struct dtls_record *client_hello)
{
    struct turns *turns = association->dtls->turns;

    if (!turns_take(turns, &association->turn)) {
        /* If memory is short, the client retransmits and finds no trace of the attempt. */
        if (!park(association, client_hello))
            association->owner->down(association, "out of memory");
        return;
    }
    dtls_association_receive(association, client_hello);
    turns_done(turns);
}

void dtls_certificate_begin(struct dtls_association *association, struct share share,
                            const struct dtls_record *client_hello)
{
    struct dtls_hello hello;

    association->answered = true;
    turn_init(&association->turn, share, on_turn, association);
    tlscommon_certificate_require(association->session);
    /* If it is malformed, GnuTLS answers it. */
    if (dtls_hello_read(client_hello, &hello) && !find(association, &hello)) {
        if (park(association, client_hello))
            return;
        dtls_certificate_release(association);
    }
    if (!association->certificate.found)
        snprintf(association->reason, sizeof association->reason, "no certificate for \"%.*s\"",
                 HG_PRINT(hello.server_name));
    begin(association, client_hello);
}

void dtls_certificate_release(struct dtls_association *association)
{
    tlscommon_certificate_release(&association->certificate);
    free(association->parked);
    association->parked = NULL;
}
