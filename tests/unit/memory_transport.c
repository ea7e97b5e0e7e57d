/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "tests/unit/memory_transport.h"

#include <check.h>
#include <stdlib.h>

#define MAX_PACKET 1400

struct wire_packet {
    struct wire_packet *next;
    uint64_t number;
    size_t size;
    uint8_t data[];
};

static struct wire *wire_of(const struct hg_worker *worker)
{
    return worker->instance->cfg;
}

static void drop_packets(struct wire_end *end)
{
    while (end->packets) {
        struct wire_packet *packet = end->packets;

        end->packets = packet->next;
        free(packet);
    }
    end->tail = &end->packets;
    end->waiting = 0;
}

static void end_link(struct wire_end *end, const char *reason)
{
    struct hg_link *link = end->link;

    end->link = NULL;
    if (link)
        hg_link_down(end->worker, link, reason);
}

static void unblocked(void *arg)
{
    struct wire_end *end = arg;

    if (end->link && end->is_blocked) {
        end->is_blocked = false;
        hg_link_writable(end->worker, end->link);
    }
}

/* Hands over what has arrived at an end, in its worker. */
static void deliver(void *arg)
{
    struct wire_end *end = arg;

    while (end->packets && end->link) {
        struct wire_packet *packet = end->packets;

        end->packets = packet->next;
        if (!end->packets)
            end->tail = &end->packets;
        end->waiting--;
        hg_link_packet(end->worker, end->link, packet->number, packet->data, packet->size);
        free(packet);
    }
    if (end->link)
        hg_link_batch_end(end->worker, end->link);
    if (end->peer->is_blocked && end->peer->worker)
        hg_post(end->peer->worker, &end->peer->unblocking);
    if (end->is_hung_up)
        end_link(end, "the peer has hung up");
}

static void post(struct wire_end *end)
{
    if (end->worker)
        hg_post(end->worker, &end->delivery);
}

static void put(struct wire_end *end, uint64_t number, const void *data, size_t size)
{
    struct wire_packet *packet = malloc(sizeof *packet + size);

    packet->next = NULL;
    packet->number = number;
    packet->size = size;
    memcpy(packet->data, data, size);
    *end->tail = packet;
    end->tail = &packet->next;
    end->waiting++;
}

/* The packet sent last is delivered first. */
static void overtake(struct wire_end *end)
{
    struct wire_packet **place = &end->packets, *last;

    if (end->waiting < 2)
        return;
    while ((*place)->next)
        place = &(*place)->next;
    last = *place;
    *place = NULL;
    end->tail = place;
    last->next = end->packets;
    end->packets = last;
}

void wire_inject(struct wire_end *to, const void *packet, size_t size)
{
    put(to, to->peer->next_number++, packet, size);
    post(to);
}

static unsigned draw(struct wire *wire)
{
    wire->seed = wire->seed * 1103515245 + 12345;
    return wire->seed >> 16;
}

static void arrive(struct wire_end *end, uint64_t number, const void *data, size_t size)
{
    struct wire *wire = end->wire;

    put(end, number, data, size);
    if (wire->repeats && draw(wire) % 100 < wire->repeats)
        put(end, number, data, size);
    if (wire->overtakes && draw(wire) % 100 < wire->overtakes)
        overtake(end);
}

static uint64_t next_packet_number(void *handle)
{
    return ((struct wire_end *)handle)->next_number;
}

static int send_packet(void *handle, const uint8_t *data, size_t size)
{
    struct wire_end *end = handle;
    struct wire *wire = end->wire;

    /* No ck_assert(): Check records every assertion, and there are a million packets. */
    if (!end->link || size == 0 || size > MAX_PACKET)
        ck_abort_msg("a packet of %zu bytes, or of no link", size);
    if (wire->room && end->peer->waiting >= wire->room) {
        end->is_blocked = true;
        wire->refused_sends++;
        return -1;
    }
    wire->packets++;
    if (size > wire->largest)
        wire->largest = size;
    if (!wire->dark && !end->is_dark && !end->is_mute && !(wire->mute_gateway && end->is_gateway) &&
        !end->peer->is_dark && draw(wire) % 100 >= wire->loss)
        arrive(end->peer, end->next_number, data, size);
    end->next_number++;
    return 0;
}

static void flush(void *handle)
{
    struct wire_end *end = handle;

    if (end->peer->packets)
        post(end->peer);
}

static void close_link(void *handle, bool graceful)
{
    struct wire_end *end = handle;

    ck_assert_ptr_nonnull(end->link);
    end->link = NULL;
    end->said_goodbye = graceful;
    drop_packets(end);
    if (graceful && !end->wire->dark) {
        end->peer->is_hung_up = true;
        post(end->peer);
    }
}

static void post_opening(struct wire_end *end, struct hg_worker *worker, hg_callback callback)
{
    end->opening = (struct hg_call){.callback = callback, .arg = end};
    hg_post(worker, &end->opening);
}

static struct wire_end *end_new(struct wire *wire, struct hg_worker *worker)
{
    struct wire_end *end = calloc(1, sizeof *end);

    end->wire = wire;
    end->worker = worker;
    end->delivery = (struct hg_call){.callback = deliver, .arg = end};
    end->unblocking = (struct hg_call){.callback = unblocked, .arg = end};
    end->is_gateway = worker && worker == wire->gateway;
    end->tail = &end->packets;
    end->next = wire->ends;
    wire->ends = end;
    return end;
}

static void come_up(struct wire_end *end, const char *name)
{
    const struct hg_link_info info = {.peer = hg_text(name), .security = HG_TEXT("none"), .max_packet = MAX_PACKET};

    end->is_up = true;
    hg_link_up(end->worker, end->link, end, &info);
}

static void connected(void *arg)
{
    struct wire_end *end = arg;

    if (end->link && (end->wire->unreachable || !end->peer))
        end_link(end, "nobody listens");
    else if (end->link)
        come_up(end, "gateway");
}

static void accepted(void *arg)
{
    struct wire_end *end = arg;

    if (end->wire->dark || !end->worker)
        return;
    end->link = hg_link_accept(end->worker);
    ck_assert_ptr_nonnull(end->link);
    come_up(end, "client");
    if (end->peer->worker)
        post_opening(end->peer, end->peer->worker, connected);
}

static int connect_over(struct wire *wire, struct hg_worker *worker, struct hg_link *link)
{
    struct wire_end *client = end_new(wire, worker), *gateway;

    wire->connects++;
    client->link = link;
    if (wire->unanswered)
        return 0;
    if (wire->unreachable || !wire->gateway) {
        post_opening(client, worker, connected);
        return 0;
    }
    gateway = end_new(wire, wire->gateway);
    client->peer = gateway;
    gateway->peer = client;
    post_opening(gateway, wire->gateway, accepted);
    return 0;
}

static struct wire *wire_to(struct hg_worker *worker, size_t gateway)
{
    return gateway ? wire_of(worker)->others[gateway - 1] : wire_of(worker);
}

static int connect_link(struct hg_worker *worker, struct hg_link *link, size_t gateway)
{
    return connect_over(wire_to(worker, gateway), worker, link);
}

static const struct hg_address *gateways(const struct hg_instance *instance, size_t *count)
{
    const struct wire *wire = instance->cfg;

    *count = wire->address_count;
    return *count ? wire->addresses : NULL;
}

struct wire_end *wire_unknown_peer(struct wire *wire)
{
    struct wire_end *stranger = end_new(wire, NULL), *gateway = end_new(wire, wire->gateway);

    stranger->peer = gateway;
    gateway->peer = stranger;
    stranger->is_dark = true;
    post_opening(gateway, wire->gateway, accepted);
    return gateway;
}

static void cancel(struct hg_worker *worker, struct hg_link *link)
{
    for (size_t i = 0; i == 0 || i < wire_of(worker)->address_count; i++)
        for (struct wire_end *end = wire_to(worker, i)->ends; end; end = end->next)
            if (end->link == link)
                end->link = NULL;
}

struct wire_end *wire_newest(struct wire *wire, bool gateway)
{
    struct wire_end *end = wire->ends;

    while (end && (end->is_gateway != gateway || !end->is_up))
        end = end->next;
    return end;
}

void wire_break(struct wire_end *end)
{
    end->is_hung_up = end->peer->is_hung_up = true;
    post(end);
    post(end->peer);
}

void wire_free(struct wire *wire)
{
    while (wire->ends) {
        struct wire_end *end = wire->ends;

        wire->ends = end->next;
        drop_packets(end);
        free(end);
    }
}

static bool listens(const struct hg_instance *instance)
{
    return instance->name[5] == 'g';
}

static int gateway_start(struct hg_worker *worker)
{
    wire_of(worker)->gateway = worker;
    return 0;
}

static int client_start(struct hg_worker *worker)
{
    wire_of(worker)->client = worker;
    return 0;
}

/* From now on, nothing is posted to the worker. */
static void stop(struct hg_worker *worker)
{
    struct wire *own = wire_of(worker);

    if (worker == own->gateway)
        own->gateway = NULL;
    for (size_t i = 0; i == 0 || i < own->address_count; i++)
        for (struct wire_end *end = wire_to(worker, i)->ends; end; end = end->next)
            if (end->worker == worker)
                end->worker = NULL;
}

#define OPS(what)                                                                                                      \
    {                                                                                                                  \
        .flags = (what), .listens = listens, .connect = connect_link, .cancel = cancel,                                \
        .next_packet_number = next_packet_number, .send = send_packet, .flush = flush, .close = close_link,            \
        .gateways = gateways,                                                                                          \
    }
static const struct hg_transport_ops packet_ops = OPS(0), byte_ops = OPS(HG_TRANSPORT_RELIABLE);

#define PLUGIN(name_of_it, ops_of_it, start)                                                                           \
    {                                                                                                                  \
        .abi = HG_ABI, .role = HG_ROLE_TRANSPORT, .name = (name_of_it), .ops = &(ops_of_it), .worker_start = (start),  \
        .worker_stop = stop,                                                                                           \
    }
const struct hg_plugin wire_gateway_plugin = PLUGIN("wire_gateway", packet_ops, gateway_start);
const struct hg_plugin wire_client_plugin = PLUGIN("wire_client", packet_ops, client_start);
const struct hg_plugin wire_gateway_bytes_plugin = PLUGIN("wire_gateway_bytes", byte_ops, gateway_start);
const struct hg_plugin wire_client_bytes_plugin = PLUGIN("wire_client_bytes", byte_ops, client_start);
