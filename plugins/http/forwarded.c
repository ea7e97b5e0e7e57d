/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Additions to a request: its id, the peer, Via (RFC 9110 section 7.6.3), Forwarded (RFC 7239) and its X-Forwarded-
 * predecessors, and Max-Forwards (RFC 9110 section 7.6.2).
 */
#include "plugins/http/protocol.h"

#include <gnutls/crypto.h>
#include <stdio.h>

#define FORWARDED         HG_TEXT("Forwarded")
#define X_FORWARDED_FOR   HG_TEXT("X-Forwarded-For")
#define X_FORWARDED_PROTO HG_TEXT("X-Forwarded-Proto")
#define X_FORWARDED_HOST  HG_TEXT("X-Forwarded-Host")
#define X_REQUEST_ID      HG_TEXT("X-Request-Id")
#define MAX_FORWARDS      HG_TEXT("Max-Forwards")
#define CDN_LOOP          HG_TEXT("CDN-Loop")

/* A request that has passed through here more often is in a loop. */
#define PASSES_MAX 2

/* No path is longer: a larger Max-Forwards is reduced to this, as RFC 9110 section 7.6.2 allows. */
#define HOPS_MAX 65535

/* A longer own name is cut off. */
#define VIA_NAME_MAX 100

/* Longer ids from a proxy in front are not accepted. */
#define ACCEPTED_ID_MAX 128

void forwarded_new_id(char id[REQUEST_ID_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[REQUEST_ID_SIZE / 2] = {0};

    /* Ids need not be secret, only unique. GnuTLS's nonce generator needs no system call. */
    gnutls_rnd(GNUTLS_RND_NONCE, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        id[2 * i] = digits[bytes[i] >> 4];
        id[2 * i + 1] = digits[bytes[i] & 15];
    }
}

static bool is_acceptable_id(struct hg_text id)
{
    for (size_t i = 0; i < id.size; i++)
        if (id.data[i] <= ' ' || id.data[i] >= 0x7f)
            return false;
    return id.size > 0 && id.size <= ACCEPTED_ID_MAX;
}

static int set_id(const struct connection *connection, struct hg_head *head)
{
    const struct hg_host *host = connection->edge->worker->host;
    const struct hg_field *given = hg_field_find(&head->fields, X_REQUEST_ID, 0);
    char id[REQUEST_ID_SIZE];

    if (given && connection->edge->config->accept_request_id && is_acceptable_id(given->value)) {
        if (hg_head_set(host, head, &head->id, given->value))
            return -1;
    } else {
        forwarded_new_id(id);
        if (hg_head_set(host, head, &head->id, (struct hg_text){id, sizeof id}))
            return -1;
    }
    if (given)
        hg_field_remove(host, &head->fields, X_REQUEST_ID);
    return hg_field_add(host, &head->fields, X_REQUEST_ID, head->id);
}

size_t forwarded_via(const struct edge *edge, const struct hg_head *head, char value[VIA_SIZE])
{
    struct http1_writer writer = {.data = (uint8_t *)value, .capacity = VIA_SIZE};
    struct hg_text name = hg_text(edge->config->via);

    if (!name.size)
        return 0;
    http1_write_number(&writer, head->version >> 8, 10);
    http1_write(&writer, HG_TEXT("."));
    http1_write_number(&writer, head->version & 0xff, 10);
    http1_write(&writer, HG_TEXT(" "));
    http1_write(&writer, (struct hg_text){name.data, name.size < VIA_NAME_MAX ? name.size : VIA_NAME_MAX});
    return writer.size;
}

static int add_via(const struct connection *connection, struct hg_head *head)
{
    char value[VIA_SIZE];
    size_t size = connection->edge->config->request_via ? forwarded_via(connection->edge, head, value) : 0;

    if (!size)
        return 0;
    return hg_field_add(connection->edge->worker->host, &head->fields, HG_TEXT("Via"), (struct hg_text){value, size});
}

int forwarded_name(struct protocol *protocol, struct hg_head *head)
{
    if (!protocol->is_named && !http1_binds_connection(head))
        return 0;
    if (!protocol->is_named)
        forwarded_new_id(protocol->name);
    protocol->is_named = true;
    return hg_head_set(protocol->connection.edge->worker->host, head, &head->connection,
                       (struct hg_text){protocol->name, sizeof protocol->name});
}

/* How often we appear in a CDN-Loop list (RFC 8586 section 2); parameters follow a semicolon. */
static unsigned count_passes(struct hg_text list, struct hg_text name)
{
    unsigned passes = 0;

    while (list.size) {
        const char *comma = memchr(list.data, ',', list.size);
        struct hg_text member = {list.data, comma ? (size_t)(comma - list.data) : list.size};
        size_t cut = member.size + (comma ? 1 : 0), size = 0;

        while (member.size && (*member.data == ' ' || *member.data == '\t')) {
            member.data++;
            member.size--;
        }
        while (size < member.size && !strchr("; \t", member.data[size]))
            size++;
        passes += hg_text_equal_nocase((struct hg_text){member.data, size}, name);
        list.data += cut;
        list.size -= cut;
    }
    return passes;
}

/* Adds a CDN-Loop field line with our name. A service may well send a request on to another host of this gateway, but
 * if it comes back again and again, it is in a loop. */
static int add_pass(const struct connection *connection, struct hg_head *head, bool *loops)
{
    const char *via = connection->edge->config->via;
    struct hg_text name = hg_text(*via ? via : "hopgate");
    unsigned passes = 0;

    for (size_t i = 0; i < head->fields.count; i++)
        if (hg_text_equal_nocase(head->fields.items[i].name, CDN_LOOP))
            passes += count_passes(head->fields.items[i].value, name);
    *loops = passes > PASSES_MAX;
    return hg_field_add(connection->edge->worker->host, &head->fields, CDN_LOOP, name);
}

static void remove_all(const struct hg_host *host, struct hg_head *head)
{
    for (size_t i = 0; i < head->fields.count;) {
        struct hg_text name = head->fields.items[i].name;

        if (http1_speaks_for_proxy(name))
            hg_field_remove(host, &head->fields, name);
        else
            i++;
    }
}

static void write_quoted(struct http1_writer *writer, struct hg_text text, bool quoted)
{
    if (quoted)
        http1_write(writer, HG_TEXT("\""));
    http1_write(writer, text);
    if (quoted)
        http1_write(writer, HG_TEXT("\""));
}

static bool is_plain(struct hg_text text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._", text.data[i]))
            return false;
    return true;
}

/* `for=192.0.2.1;proto=https;host=example.com`. An IPv6 address and a host with a port are not tokens, so they are
 * quoted (RFC 7239 section 4). An authority has at most 280 bytes, none of which needs escaping. HTTP/1.0 requests may
 * have no host. */
static int add_forwarded(const struct connection *connection, struct hg_head *head)
{
    char value[512];
    struct http1_writer writer = {.data = (uint8_t *)value, .capacity = sizeof value};
    struct hg_text peer = {connection->peer, connection->peer_host_size};

    http1_write(&writer, HG_TEXT("for="));
    write_quoted(&writer, peer, peer.data[0] == '[');
    http1_write(&writer, HG_TEXT(";proto="));
    http1_write(&writer, head->scheme);
    if (head->authority.size) {
        http1_write(&writer, HG_TEXT(";host="));
        write_quoted(&writer, head->authority, !is_plain(head->authority));
    }
    return hg_field_add(connection->edge->worker->host, &head->fields, FORWARDED, (struct hg_text){value, writer.size});
}

/* The address alone: X-Forwarded-For has neither ports nor brackets. */
static struct hg_text peer_host(const struct connection *connection)
{
    if (connection->peer[0] == '[')
        return (struct hg_text){connection->peer + 1, connection->peer_host_size - 2U};
    return (struct hg_text){connection->peer, connection->peer_host_size};
}

static int add_ours(const struct connection *connection, struct hg_head *head)
{
    const struct hg_host *host = connection->edge->worker->host;
    bool has_proto = hg_field_find(&head->fields, X_FORWARDED_PROTO, 0);
    bool has_host = hg_field_find(&head->fields, X_FORWARDED_HOST, 0);

    /* Both lists are extended by further field lines (RFC 9110 section 5.3); the other two describe only the first
     * hop. */
    if (add_forwarded(connection, head) || hg_field_add(host, &head->fields, X_FORWARDED_FOR, peer_host(connection)) ||
        (!has_proto && hg_field_add(host, &head->fields, X_FORWARDED_PROTO, head->scheme)))
        return -1;
    return has_host || !head->authority.size ? 0 : hg_field_add(host, &head->fields, X_FORWARDED_HOST, head->authority);
}

/* The number in a field, HOPS_MAX + 1 if it is larger, or -1 if it is not a number. */
static int read_hops(struct hg_text value)
{
    int hops = value.size ? 0 : -1;

    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return -1;
        hops = 10 * hops + (value.data[i] - '0');
        hops = hops < HOPS_MAX + 1 ? hops : HOPS_MAX + 1;
    }
    return hops;
}

int forwarded_count_hop(const struct connection *connection, struct hg_head *head, bool *ends)
{
    const struct hg_host *host = connection->edge->worker->host;
    const struct hg_field *field;
    char value[16];
    int hops;

    *ends = false;
    if (!hg_text_equal(head->method, HG_TEXT("OPTIONS")))
        return 0;
    field = hg_field_find(&head->fields, MAX_FORWARDS, 0);
    hops = field ? read_hops(field->value) : -1;
    *ends = hops == 0;
    if (hops <= 0)
        return 0;
    snprintf(value, sizeof value, "%d", hops - 1);
    hg_field_remove(host, &head->fields, MAX_FORWARDS);
    return hg_field_add(host, &head->fields, MAX_FORWARDS, hg_text(value));
}

int forwarded_request(const struct connection *connection, struct hg_head *head, bool *loops)
{
    const struct hg_host *host = connection->edge->worker->host;
    int policy = connection->edge->config->forwarded;

    /* CGI would turn it into HTTP_PROXY, which many programs use as their own proxy setting. HTTP has no such field. */
    hg_field_remove(host, &head->fields, HG_TEXT("Proxy"));
    if (set_id(connection, head) || add_via(connection, head) || add_pass(connection, head, loops) ||
        hg_head_set(host, head, &head->peer, hg_text(connection->peer)))
        return -1;
    if (policy == FORWARDED_KEEP)
        return 0;
    if (policy != FORWARDED_APPEND)
        remove_all(host, head);
    return policy == FORWARDED_REMOVE ? 0 : add_ours(connection, head);
}
