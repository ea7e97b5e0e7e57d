/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The events that a connection reports to its protocol, and its queries.
 */
#include "plugins/http/protocol.h"

#include <stdlib.h>

struct connection *protocol_new(void)
{
    struct protocol *protocol = calloc(1, sizeof *protocol);

    if (!protocol)
        return NULL;
    protocol->scan = HTTP1_SCAN_REQUEST;
    return &protocol->connection;
}

void protocol_free(struct connection *connection)
{
    struct protocol *protocol = protocol_of(connection);

    hg_head_free(connection->edge->worker->host, protocol->held_head);
    free(protocol);
}

bool protocol_is_busy(const struct connection *connection)
{
    return protocol_of(connection)->self != NULL;
}

bool protocol_is_idle(const struct connection *connection)
{
    return protocol_of(connection)->request_phase == REQUEST_HEAD && !input_unread(connection);
}

size_t protocol_wants(const struct connection *connection)
{
    return request_wants(protocol_of(connection));
}

void protocol_input(struct connection *connection)
{
    request_input(protocol_of(connection));
}

void protocol_sent(struct connection *connection)
{
    struct protocol *protocol = protocol_of(connection);

    protocol->is_unsent = false;
    /* For a client that waits for 100, another interim response is no progress. */
    if (protocol->self && !connection->discard_end &&
        (!protocol->expects_continue || protocol->response_phase != RESPONSE_NONE))
        connection_expect(connection, connection->edge->config->idle_timeout);
}

void protocol_goes_on(struct connection *connection)
{
    response_written(protocol_of(connection));
}

void protocol_timeout(struct connection *connection)
{
    request_timeout(protocol_of(connection));
}

void protocol_ended(struct connection *connection, bool lost)
{
    static const struct hg_reason gone = {499, NULL, "the user closed the connection", 0};
    const struct protocol *protocol = protocol_of(connection);

    if (!protocol->self)
        return;
    if (lost && protocol->response_phase != RESPONSE_DONE)
        ++*connection->edge->aborted;
    /* If both are complete, the exchange can finish without the user: the rest of an upload that was answered may be on
     * its way to the service. */
    if (protocol->response_phase != RESPONSE_DONE || protocol->request_phase != REQUEST_DONE)
        hg_reset(protocol->self, &gone);
}
