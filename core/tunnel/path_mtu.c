/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/tunnel/path_mtu.h"

/* RFC 8899 section 5.1.2: MAX_PROBES is 3. A probe lost along with ordinary packets counts as only a third of a try,
 * since an overflowing queue drops large packets first. */
#define TRIES      9
#define SURE_TRY   3
#define UNSURE_TRY 1
/* Section 5.1.1: PMTU_RAISE_TIMER. */
#define RAISE_INTERVAL (600 * TN_SECOND)
/* The first pause after the limit has dropped; doubled each time, so that a path that carries large packets only now
 * and then does not stall the link again and again. */
#define REST TN_SECOND
/* Once the gap between what passes and what does not is below a 32nd of the size, it is not worth more probes. */
#define WORTH 32

/* Every IPv4 host accepts packets of 576 bytes (RFC 1122 section 3.3.3). RFC 9000 section 14 does not cover paths that
 * cannot carry 1,200 bytes of UDP, but nested tunnels and radio links exist that cannot. */
#define FLOOR 576

/* Sizes of IP packets that common links carry, in ascending order: two below what every link should carry, the minimum
 * of IPv6 (RFC 8200 section 5), some tunnels and mobile networks, WireGuard over Ethernet, PPPoE, Ethernet, jumbo
 * frames. */
static const uint16_t steps[] = {768, 1024, 1280, 1400, 1420, 1492, 1500, 9000};

void path_mtu_start(struct path_mtu *mtu, const struct tn_params *params)
{
    size_t floor = FLOOR - params->packet_overhead;

    *mtu = (struct path_mtu){.usual = params->packet_size,
                             .floor = floor < params->packet_size ? floor : params->packet_size,
                             .base = params->packet_size,
                             .size = params->packet_size,
                             .max = params->packet_size_max,
                             .overhead = params->packet_overhead,
                             .failed = SIZE_MAX};
}

/* Section 5.3.2: the next size to try; 0: none left. The largest is tried first, as the local interface is usually the
 * narrowest point of the path; then the common sizes upwards, then by bisection. */
static size_t path_mtu_next(const struct path_mtu *mtu)
{
    size_t gap = mtu->failed - mtu->size;

    if (mtu->failed == SIZE_MAX || mtu->max <= mtu->size)
        return mtu->max > mtu->size ? mtu->max : 0;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (steps[i] > mtu->size + mtu->overhead && steps[i] < mtu->failed + mtu->overhead)
            return steps[i] - mtu->overhead;
    }
    /* If two steps are that far apart, nothing in between is worth the many lost probes. */
    if (gap <= mtu->size / WORTH || gap > mtu->size)
        return 0;
    return mtu->size + gap / 2;
}

size_t path_mtu_wants(const struct path_mtu *mtu, tn_time now, bool busy)
{
    if (mtu->probe > 0 || mtu->max <= mtu->size || now < mtu->resume || (mtu->resume > 0 && !busy))
        return 0;
    return mtu->complete ? mtu->max : path_mtu_next(mtu);
}

/* Searches all sizes above the current one, beginning with the next probe. */
static void path_mtu_search(struct path_mtu *mtu)
{
    mtu->complete = false;
    mtu->failed = SIZE_MAX;
    mtu->tries = 0;
}

void path_mtu_sent(struct path_mtu *mtu, size_t size)
{
    if (mtu->complete) {
        path_mtu_search(mtu);
        mtu->rests = 0;
    }
    mtu->probe = size;
    mtu->probes_sent++;
}

/* A size is settled: moves on to the next. */
static void path_mtu_go_on(struct path_mtu *mtu, tn_time now)
{
    mtu->tries = 0;
    if (path_mtu_next(mtu) > 0)
        return;
    mtu->complete = true;
    mtu->resume = now + RAISE_INTERVAL;
}

void path_mtu_acknowledged(struct path_mtu *mtu, tn_time now)
{
    if (mtu->probe > mtu->size)
        mtu->size = mtu->probe;
    if (mtu->size >= mtu->usual)
        mtu->base = mtu->usual;
    mtu->probe = 0;
    path_mtu_go_on(mtu, now);
}

void path_mtu_lost(struct path_mtu *mtu, bool alone, tn_time now)
{
    size_t size = mtu->probe;

    mtu->probe = 0;
    mtu->probes_lost++;
    if (size == 0)
        return;
    mtu->tries += alone ? SURE_TRY : UNSURE_TRY;
    if (mtu->tries < TRIES)
        return;
    mtu->failed = size;
    path_mtu_go_on(mtu, now);
}

static void path_mtu_rest(struct path_mtu *mtu, tn_time now)
{
    tn_time rest = REST << (mtu->rests < 16 ? mtu->rests : 16);

    path_mtu_search(mtu);
    mtu->rests++;
    mtu->resume = now + (rest < RAISE_INTERVAL ? rest : RAISE_INTERVAL);
}

size_t path_mtu_smaller(const struct path_mtu *mtu, bool last)
{
    /* Without a search, nothing would raise it again. */
    bool has_floor = mtu->max > mtu->base && mtu->floor < mtu->base;

    return has_floor && (last || mtu->size <= mtu->base) ? mtu->floor : mtu->base;
}

void path_mtu_black_hole(struct path_mtu *mtu, size_t size, tn_time now)
{
    mtu->size = size;
    if (mtu->base > size)
        mtu->base = size;
    mtu->black_holes++;
    path_mtu_rest(mtu, now);
}

void path_mtu_reported(struct path_mtu *mtu, size_t size, tn_time now)
{
    if (mtu->max <= mtu->base) {
        mtu->usual = mtu->base = mtu->size = mtu->max = size; /* without a search, nothing else would find it */
        return;
    }
    if (size >= mtu->size)
        return;
    mtu->size = size;
    if (mtu->base > size)
        mtu->base = size;
    path_mtu_rest(mtu, now);
}

bool path_mtu_set_max(struct path_mtu *mtu, size_t max)
{
    size_t probe = mtu->probe;

    /* If the limit is just below the probe, only the probe was too large. */
    if (max > mtu->max || mtu->failed > max)
        path_mtu_search(mtu);
    if (probe == max + 1)
        mtu->failed = probe;
    mtu->max = max;
    mtu->size = mtu->size < max ? mtu->size : max;
    mtu->base = mtu->base < max ? mtu->base : max;
    if (probe <= max)
        return false;
    mtu->probe = 0;
    return true;
}
