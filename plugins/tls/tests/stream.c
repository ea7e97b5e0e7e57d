/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Packets on a byte stream, without a socket.
 */
#include "plugins/tls/tests/cases.h"

#include <stdlib.h>
#include <string.h>

struct taken {
    uint64_t count;
    size_t bytes;
    size_t sizes[8];
    uint8_t first[8];
};

static void take(void *arg, uint64_t number, const uint8_t *packet, size_t size)
{
    struct taken *taken = arg;

    ck_assert_uint_eq(number, taken->count);
    if (number < 8) {
        taken->sizes[number] = size;
        taken->first[number] = packet[0];
    }
    for (size_t i = 0; i < size; i++)
        if (packet[i] != (uint8_t)(packet[0] + i))
            ck_abort_msg("byte %zu of packet %u is wrong", i, (unsigned)number);
    taken->count++;
    taken->bytes += size;
}

/* Packets of these sizes, one after the other; the n-th starts with the byte n. */
static size_t write_packets(uint8_t *stream, const size_t *sizes, size_t count)
{
    size_t at = 0;

    for (size_t i = 0; i < count; i++) {
        tls_packet_write_header(stream + at, sizes[i]);
        for (size_t j = 0; j < sizes[i]; j++)
            stream[at + TLS_PACKET_HEADER + j] = (uint8_t)(i + j);
        at += TLS_PACKET_HEADER + sizes[i];
    }
    return at;
}

START_TEST(packets_are_found_wherever_the_stream_is_cut)
{
    static const size_t sizes[] = {1, 300, 2, 16384, 255, 256};
    uint8_t *stream = malloc(65536);
    size_t size = write_packets(stream, sizes, 6);

    for (size_t step = 1; step < size; step += step < 700 ? 1 : 997) {
        struct tls_packets packets = {.count = 0};
        struct taken taken = {.count = 0};

        for (size_t at = 0; at < size; at += step)
            ck_assert_ptr_null(
                tls_packets_read(&packets, stream + at, step < size - at ? step : size - at, take, &taken));
        ck_assert_uint_eq(taken.count, 6);
        ck_assert_mem_eq(taken.sizes, sizes, sizeof sizes);
        ck_assert(!tls_packets_is_inside(&packets));
        tls_packets_free(&packets);
    }
    for (size_t cut = 0; cut <= size; cut++) {
        struct tls_packets packets = {.count = 0};
        struct taken taken = {.count = 0};

        ck_assert_ptr_null(tls_packets_read(&packets, stream, cut, take, &taken));
        ck_assert_ptr_null(tls_packets_read(&packets, stream + cut, size - cut, take, &taken));
        ck_assert_uint_eq(taken.count, 6);
        ck_assert_uint_eq(taken.bytes, size - 6 * TLS_PACKET_HEADER);
        tls_packets_free(&packets);
    }
    free(stream);
}
END_TEST

START_TEST(an_incomplete_packet_is_detected)
{
    static const uint8_t stream[] = {0, 3, 7, 8, 9};
    struct tls_packets packets = {.count = 0};
    struct taken taken = {.count = 0};

    for (size_t i = 0; i < sizeof stream; i++) {
        ck_assert_int_eq(tls_packets_is_inside(&packets), i > 0);
        ck_assert_ptr_null(tls_packets_read(&packets, stream + i, 1, take, &taken));
    }
    ck_assert(!tls_packets_is_inside(&packets));
    ck_assert_uint_eq(taken.count, 1);
}
END_TEST

START_TEST(lengths_out_of_range_are_refused)
{
    static const uint8_t bad[][3] = {{0, 0, 0}, {0x40, 0x01, 0}, {0xff, 0xff, 0}};

    for (size_t i = 0; i < 3; i++) {
        for (size_t cut = 0; cut < 2; cut++) {
            struct tls_packets packets = {.count = 0};
            struct taken taken = {.count = 0};
            const char *error = tls_packets_read(&packets, bad[i], cut, take, &taken);

            ck_assert_ptr_null(error);
            error = tls_packets_read(&packets, bad[i] + cut, 3 - cut, take, &taken);
            ck_assert_ptr_nonnull(error);
            ck_assert_ptr_nonnull(strstr(error, i ? "more than 16384" : "0 bytes"));
            ck_assert_uint_eq(taken.count, 0);
            tls_packets_free(&packets);
        }
    }
}
END_TEST

TCase *stream_tests(void)
{
    TCase *tests = new_case("packets on a stream", 60);

    tcase_add_test(tests, packets_are_found_wherever_the_stream_is_cut);
    tcase_add_test(tests, an_incomplete_packet_is_detected);
    tcase_add_test(tests, lengths_out_of_range_are_refused);
    return tests;
}
