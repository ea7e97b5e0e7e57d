/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Reading input that is no longer of use, so that a peer that is still sending gets to see its response.
 */
#include "plugins/http/connection.h"

#include <errno.h>
#include <sys/socket.h>

/* A connection may read 1 MiB before others get their turn. */
#define READS_PER_TURN 64
/* Less than this within drain_timeout does not count as progress. */
#define DISCARD_LEAST 16384

/* Sets the deadline for more to arrive, within the total time for discarding. */
static void expect_rest(struct connection *connection)
{
    hg_time now = hg_now(connection->edge->worker);
    hg_time left = connection->discard_end > now ? connection->discard_end - now : 0;
    hg_time usual = connection->edge->config->drain_timeout;

    connection->discarded = 0;
    connection_expect(connection, left < usual ? left : usual);
}

void connection_begin_discarding(struct connection *connection)
{
    if (!connection->discard_end)
        connection->discard_end = hg_now(connection->edge->worker) + connection->edge->config->idle_timeout;
    expect_rest(connection);
}

void connection_end_discarding(struct connection *connection)
{
    connection->discard_end = 0;
}

void connection_discarded(struct connection *connection, size_t size)
{
    connection->discarded += size;
    if (connection->discarded >= DISCARD_LEAST)
        expect_rest(connection);
}

void connection_discard(struct connection *connection)
{
    uint8_t rest[16384];

    for (int reads = 0; reads < READS_PER_TURN; reads++) {
        ssize_t got = recv(connection->fd, rest, sizeof rest, 0);

        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0) {
            connection_abort(connection, false);
            return;
        }
        connection_discarded(connection, (size_t)got);
    }
}
