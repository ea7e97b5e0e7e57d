/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "tests/sim/network.h"

#include <stdlib.h>
#include <string.h>

static bool before(const struct network_packet *a, const struct network_packet *b)
{
    return a->arrival < b->arrival || (a->arrival == b->arrival && a->order < b->order);
}

static void network_push(struct network *network, struct network_packet packet)
{
    size_t i = network->count++;

    if (network->count > network->capacity) {
        network->capacity = network->capacity ? 2 * network->capacity : 64;
        network->heap = realloc(network->heap, network->capacity * sizeof *network->heap);
        if (!network->heap)
            abort();
    }
    while (i > 0 && before(&packet, &network->heap[(i - 1) / 2])) {
        network->heap[i] = network->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    network->heap[i] = packet;
}

/* When a packet sent now leaves the bottleneck; TN_TIME_NEVER if its queue is full. */
static tn_time path_departure(struct path *path, tn_time now, size_t size)
{
    tn_time start = path->busy_until > now ? path->busy_until : now;

    if (path->rate == 0)
        return now;
    if (!path->reliable && (double)(start - now) * path->rate > (double)path->queue)
        return TN_TIME_NEVER;
    path->busy_until = start + (tn_time)((double)size / path->rate);
    return path->busy_until;
}

static tn_time path_arrival(struct network *network, struct path *path, tn_time departure)
{
    tn_time arrival = departure + path->delay;

    if (path->jitter > 0)
        arrival += random_between(network->random, 0, path->jitter);
    if (random_chance(network->random, path->overtake))
        arrival += random_between(network->random, 1, 2 * path->delay + TN_MILLISECOND);
    if (path->late > 0 && random_chance(network->random, path->late))
        arrival += path->late_by;
    if (path->batch > 0)
        arrival += path->batch - arrival % path->batch;
    if (path->reliable && arrival < path->last_arrival)
        arrival = path->last_arrival;
    path->last_arrival = arrival;
    return arrival;
}

void network_send(struct network *network, int to, tn_time now, uint64_t number, const uint8_t *data, size_t size)
{
    struct path *path = &network->paths[to];
    int copies = random_chance(network->random, path->duplicate) ? 2 : 1;
    tn_time departure = path_departure(path, now, size + path->overhead);
    bool hole = now >= path->hole_start && now < path->hole_end;
    size_t mtu = now < path->mtu_change ? path->mtu : path->mtu_later;

    hole = hole || (mtu > 0 && size > mtu);
    network->sent++;
    if (departure == TN_TIME_NEVER || hole || random_chance(network->random, path->loss)) {
        network->lost++;
        return;
    }
    network->duplicated += copies == 2;
    for (int i = 0; i < copies; i++) {
        struct network_packet packet = {.number = number, .epoch = network->epoch, .to = to, .size = (uint32_t)size};

        packet.arrival = path_arrival(network, path, departure);
        packet.order = network->order++;
        /* Exactly as large as the packet, so that a sanitizer notices a read beyond it. */
        packet.data = malloc(size);
        if (!packet.data)
            abort();
        memcpy(packet.data, data, size);
        network_push(network, packet);
    }
}

tn_time network_next(const struct network *network)
{
    return network->count > 0 ? network->heap[0].arrival : TN_TIME_NEVER;
}

struct network_packet network_take(struct network *network)
{
    struct network_packet first = network->heap[0], last = network->heap[--network->count];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= network->count)
            break;
        if (child + 1 < network->count && before(&network->heap[child + 1], &network->heap[child]))
            child++;
        if (!before(&network->heap[child], &last))
            break;
        network->heap[i] = network->heap[child];
        i = child;
    }
    if (network->count > 0)
        network->heap[i] = last;
    return first;
}

void network_free(struct network *network)
{
    for (size_t i = 0; i < network->count; i++)
        free(network->heap[i].data);
    free(network->heap);
}
