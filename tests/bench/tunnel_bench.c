/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * tunnel_bench [SECONDS]: only the tunnel, without HTTP, exchanges and codec, compared with plain GnuTLS and the
 * kernel: two processes over loopback, a line of JSON for each figure (tests/bench/measurement.h). Bulk data uses one
 * stream; a ping-pong keeps several streams busy with 64-byte messages, either always the same ones or, like exchanges,
 * a new one for each message.
 */
#include "core/base/buffer.h"
#include "tests/bench/gnutls_baseline.h"
#include "tests/bench/measurement.h"
#include "tests/bench/tunnel_driver.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define MESSAGE 64
/* IP and UDP headers, and the overhead of a DTLS 1.2 record with AES-GCM. */
#define OVERHEAD 65

static double seconds = 2;
static uint8_t content[65536];

enum mode {
    BULK,
    STANDING_STREAMS,
    NEW_STREAMS,
};

/* One end. */
struct end {
    struct driver driver; /* first, so that one is the other */
    enum mode mode;
    bool is_far;
    unsigned in_flight;
    struct measurement_shared *shared;
    struct measurement *measurement; /* of the near end */
    struct driver_link *link;
    struct tn_session *session;
};

struct setting {
    enum mode mode;
    int64_t mtu;
    unsigned in_flight;
    const struct test_certificate *ca, *leaf;
};

static void write_some(struct tn_stream *stream, size_t size)
{
    struct hg_slice slice = {.data = content, .size = size};

    tn_stream_write(stream, &slice);
}

static void ask(struct end *end, struct tn_stream *stream)
{
    if (!stream)
        stream = tn_stream_open(end->session);
    if (!stream)
        ck_abort_msg("no stream");
    write_some(stream, MESSAGE);
    if (end->mode == NEW_STREAMS)
        tn_stream_finish(stream);
}

static void fill(struct tn_stream *stream)
{
    size_t room;

    while ((room = tn_stream_write_room(stream)) > 0)
        write_some(stream, room < sizeof content ? room : sizeof content);
    tn_stream_want_writable(stream);
}

static void on_up(struct driver_link *link)
{
    struct end *end = (struct end *)link->driver;
    struct tn_peer_params peer;
    struct tn_params params;

    tn_params_default(&params);
    params.is_client = !end->is_far;
    params.packet_size = link->link->max_packet;
    end->link = link;
    end->session = tn_session_new(&params);
    /* Both ends have the same limits, so there is no need to exchange them. */
    tn_session_local_params(end->session, &peer);
    tn_session_set_peer_params(end->session, &peer);
    tn_link_attach(link->tn, end->session, hg_now(link->link->transport));
    if (end->is_far)
        return;
    if (end->mode == BULK)
        fill(tn_stream_open(end->session));
    else
        for (unsigned i = 0; i < end->in_flight; i++)
            ask(end, NULL);
}

static size_t read_all(struct tn_stream *stream)
{
    struct hg_slice slice;
    size_t size = 0;

    while (tn_stream_peek(stream, &slice)) {
        size += slice.size;
        tn_stream_consume(stream, slice.size);
    }
    return size;
}

static void far_readable(struct end *end, struct tn_stream *stream)
{
    size_t size = read_all(stream);

    if (end->mode == BULK) {
        atomic_fetch_add_explicit(&end->shared->bytes, size, memory_order_relaxed);
        return;
    }
    if (size > 0)
        write_some(stream, size);
    if (tn_stream_fin_read(stream)) {
        tn_stream_finish(stream);
        tn_stream_release(stream);
    }
}

static void near_readable(struct end *end, struct tn_stream *stream)
{
    size_t size = read_all(stream);

    if (end->mode == STANDING_STREAMS && size > 0) {
        end->measurement->rounds++;
        ask(end, stream);
    } else if (end->mode == NEW_STREAMS && tn_stream_fin_read(stream)) {
        end->measurement->rounds++;
        tn_stream_release(stream);
        ask(end, NULL);
    }
}

static void on_event(struct driver_link *link, const struct tn_event *event)
{
    struct end *end = (struct end *)link->driver;

    if (event->type == TN_EVENT_READABLE && end->is_far)
        far_readable(end, event->stream);
    else if (event->type == TN_EVENT_READABLE)
        near_readable(end, event->stream);
    else if (event->type == TN_EVENT_WRITABLE && end->mode == BULK)
        fill(event->stream);
    else if (event->type == TN_EVENT_RESET || event->type == TN_EVENT_STOPPED)
        ck_abort_msg("a stream was reset");
}

static void on_down(struct driver *driver, struct driver_link *link, const char *reason)
{
    struct end *end = (struct end *)driver;

    if (!link)
        ck_abort_msg("no link: %s", reason);
    tn_link_detach(link->tn);
    tn_session_free(end->session);
    end->link = NULL;
}

static const struct driver_user user = {.up = on_up, .event = on_event, .down = on_down};

static bool never(void *arg)
{
    (void)arg;
    return false;
}

static struct end *new_end(const struct setting *setting, bool is_far, struct measurement_shared *shared)
{
    struct end *end = calloc(1, sizeof *end);

    if (!end)
        abort();
    end->mode = setting->mode;
    end->in_flight = setting->in_flight;
    end->is_far = is_far;
    end->shared = shared;
    driver_init(&end->driver, &user, setting->ca, setting->leaf);
    end->driver.pair.client_config.mtu = end->driver.pair.gateway_config.mtu = setting->mtu;
    test_pair_start(&end->driver.pair, is_far, !is_far, (uint16_t)atomic_load(&shared->port));
    return end;
}

static void far_end(struct measurement_shared *shared, const void *arg)
{
    struct end *end = new_end(arg, true, shared);

    atomic_store(&shared->port, end->driver.pair.port);
    for (;;)
        fixture_run(end->driver.pair.fixture, never, NULL, 1000);
}

static bool is_over(void *arg)
{
    struct end *end = arg;

    return !measurement_goes_on(end->measurement) || !end->link;
}

static void ours(const char *name, const struct setting *setting)
{
    struct measurement measurement;
    struct end *end;
    size_t packet;

    measurement_start(&measurement, name, seconds, far_end, setting);
    end = new_end(setting, false, measurement.shared);
    end->measurement = &measurement;
    test_connect_up(&end->driver.pair);
    fixture_run(end->driver.pair.fixture, is_over, end, (unsigned)(seconds * 1000) + 5000);
    ck_assert_msg(end->link != NULL, "the link was lost");
    packet = tn_link_packet_size(end->link->tn);
    measurement_finish(&measurement, setting->mode == BULK ? packet : MESSAGE, setting->in_flight);
    driver_close(end->link);
    test_pair_free(&end->driver.pair);
    free(end);
}

/* The fixture is for tests and makes them fail on errors, so this is one. */
START_TEST(bench)
{
    static const unsigned in_flight[] = {1, 64, 512};
    struct test_certificate ca = test_certificate_new("bench authority", NULL, -3600, 3600);
    struct test_certificate leaf = test_certificate_new("gate.test", &ca, -3600, 3600);
    struct setting setting = {.ca = &ca, .leaf = &leaf};

    baseline_dtls_bulk(seconds, 1400);
    setting.mtu = 1400 + OVERHEAD;
    ours("tunnel over DTLS", &setting);
    baseline_dtls_bulk(seconds, 16347);
    setting.mtu = 0;
    ours("tunnel over DTLS", &setting);
    baseline_tls_bulk(seconds);
    for (size_t i = 0; i < sizeof in_flight / sizeof in_flight[0]; i++) {
        baseline_tls_ping_pong(seconds, in_flight[i], false);
        baseline_tls_ping_pong(seconds, in_flight[i], true);
        setting.mtu = 1400 + OVERHEAD;
        setting.in_flight = in_flight[i];
        setting.mode = STANDING_STREAMS;
        ours("tunnel over DTLS", &setting);
        setting.mode = NEW_STREAMS;
        ours("tunnel over DTLS, new streams", &setting);
    }
    test_certificate_free(&leaf);
    test_certificate_free(&ca);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("tunnel_bench");
    TCase *tests = tcase_create("bench");

    if (argc > 1)
        seconds = atof(argv[1]);
    tcase_add_test(tests, bench);
    suite_add_tcase(suite, tests);
    return run_suite_as(suite, CK_NOFORK, CK_MINIMAL);
}
