/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The parts on their own: records, hellos, arrivals, cookies.
 */
#include "plugins/dtls/client_hello.h"
#include "plugins/dtls/cookie.h"
#include "plugins/dtls/tests/cases.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

START_TEST(records_are_split_off_a_datagram)
{
    static const uint8_t datagram[] = {23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 5, 0, 2, 'a', 'b',
                                       21, 254, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 'c'};
    const uint8_t *at = datagram;
    size_t size = sizeof datagram;
    struct dtls_record record;

    ck_assert(dtls_record_next(&at, &size, &record));
    ck_assert_int_eq(record.type, DTLS_RECORD_APPLICATION_DATA);
    ck_assert_uint_eq(record.epoch, 1);
    ck_assert_uint_eq(record.size, 15);
    ck_assert(dtls_record_next(&at, &size, &record));
    ck_assert_int_eq(record.type, DTLS_RECORD_ALERT);
    ck_assert_uint_eq(record.size, 14);
    ck_assert(!dtls_record_next(&at, &size, &record));
    ck_assert_uint_eq(size, 0);
}
END_TEST

START_TEST(invalid_records_are_dropped)
{
    static const uint8_t good[] = {23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 5, 0, 2, 'a', 'b'};
    /* type, version, length: 0, more than is left, more than any record has */
    static const uint8_t wrong[][3] = {{0, 19, 0}, {0, 24, 0}, {1, 253, 0}, {2, 252, 0}, {2, 254, 0},
                                       {12, 0, 0}, {12, 3, 0}, {11, 1, 0},  {11, 255, 0}};
    uint8_t bytes[sizeof good];

    for (size_t size = 0; size < sizeof good; size++) {
        const uint8_t *at = good;
        size_t left = size;
        struct dtls_record record;

        ck_assert(!dtls_record_next(&at, &left, &record));
        ck_assert_uint_eq(left, size);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const uint8_t *at = bytes;
        size_t left = sizeof bytes;
        struct dtls_record record;

        memcpy(bytes, good, sizeof bytes);
        bytes[wrong[i][0]] = wrong[i][1];
        ck_assert_msg(!dtls_record_next(&at, &left, &record), "%zu", i);
    }
}
END_TEST

/* A ClientHello for gate.test with the protocols hopgate/1 and h2. */
static const uint8_t hello_head[] = {22, 254, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 99, 1, 0, 0, 87, 0, 0, 0, 0, 0, 0, 0, 87};
static const uint8_t hello_tail[] = {
    0,                                                                                       /* session_id */
    2, 1,  2,                                                                                /* cookie */
    0, 2,  0xc0, 0x2b, 1, 0,                                                                 /* suites, compression */
    0, 41,                                                                                   /* extensions */
    0, 0,  0,    14,   0, 12, 0, 0,   9,   'g', 'a', 't', 'e', '.', 't', 'e', 's', 't',      /* server_name */
    0, 16, 0,    15,   0, 13, 9, 'h', 'o', 'p', 'g', 'a', 't', 'e', '/', '1', 2,   'h', '2', /* ALPN */
    0, 23, 0,    0};

static size_t make_hello(uint8_t *bytes)
{
    memcpy(bytes, hello_head, sizeof hello_head);
    bytes[25] = 254;
    bytes[26] = 253;
    memset(bytes + 27, 7, 32);
    memcpy(bytes + 59, hello_tail, sizeof hello_tail);
    return 59 + sizeof hello_tail;
}

START_TEST(a_hello_is_read)
{
    uint8_t bytes[256];
    const uint8_t *at = bytes;
    size_t size = make_hello(bytes);
    struct dtls_record record;
    struct dtls_hello hello;

    ck_assert_uint_eq(size, 13 + 99);
    ck_assert(dtls_record_next(&at, &size, &record));
    ck_assert(dtls_record_is_client_hello(&record));
    ck_assert_int_eq(dtls_record_client_random(&record)[0], 7);
    ck_assert(dtls_hello_read(&record, &hello));
    ck_assert(hg_text_equal(hello.server_name, HG_TEXT("gate.test")));
    ck_assert_uint_eq(hello.alpn_count, 2);
    ck_assert(hg_text_equal(hello.alpn[0], HG_TEXT("hopgate/1")));
    ck_assert(hg_text_equal(hello.alpn[1], HG_TEXT("h2")));
}
END_TEST

/* Every wrong length and every truncation: nothing is read outside the record, which fills its allocation exactly. */
START_TEST(a_mangled_hello_is_read_within_its_bounds)
{
    uint8_t bytes[256];
    size_t size = make_hello(bytes);

    for (size_t i = 59; i < size; i++) {
        for (unsigned value = 0; value < 256; value += 5) {
            uint8_t *copy = malloc(size);
            struct dtls_record record = {.type = DTLS_RECORD_HANDSHAKE, .bytes = copy, .size = size};
            struct dtls_hello hello;

            memcpy(copy, bytes, size);
            copy[i] = (uint8_t)value;
            if (dtls_hello_read(&record, &hello))
                ck_assert_uint_le(hello.server_name.size, size);
            record.size = i;
            ck_assert(i == 59 + 10 || !dtls_hello_read(&record, &hello)); /* without any extensions it is whole */
            free(copy);
        }
    }
}
END_TEST

START_TEST(fragments_are_not_a_hello)
{
    static const size_t places[] = {13, 16, 21, 24, 4}; /* type, length, offset, fragment's length, epoch */
    uint8_t bytes[256];

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct dtls_record record = {.type = DTLS_RECORD_HANDSHAKE, .bytes = bytes, .size = make_hello(bytes)};

        bytes[places[i]]++;
        record.epoch = bytes[4];
        ck_assert(!dtls_record_is_client_hello(&record));
    }
}
END_TEST

START_TEST(a_piece_is_cut_into_datagrams)
{
    struct dtls_arrival arrival = {.bytes = (const uint8_t *)"aaaabbbbc", .size = 9, .segment = 4};
    const uint8_t *datagram;
    size_t size;

    ck_assert(dtls_arrival_next(&arrival, &datagram, &size) && size == 4 && *datagram == 'a');
    ck_assert(dtls_arrival_next(&arrival, &datagram, &size) && size == 4 && *datagram == 'b');
    ck_assert(dtls_arrival_next(&arrival, &datagram, &size) && size == 1 && *datagram == 'c');
    ck_assert(!dtls_arrival_next(&arrival, &datagram, &size));
}
END_TEST

/* A real cookie, made and verified by hand; its secret is that of the first minute. */
START_TEST(cookies_end_with_their_keys)
{
    struct dtls_cookie_keys keys;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(1)};
    struct dtls_socket *socket = calloc(1, sizeof *socket);
    struct dtls_path path, elsewhere;
    gnutls_dtls_prestate_st prestate;
    uint8_t bytes[256], tail[sizeof hello_tail];
    struct dtls_record hello = {.type = DTLS_RECORD_HANDSHAKE, .bytes = bytes};
    size_t cookie_size;

    dtls_path_init(&path, (struct sockaddr *)&v4);
    elsewhere = path;
    elsewhere.peer.v4.sin_port = htons(2);
    ck_assert_int_eq(dtls_cookie_keys_init(&keys, HG_SECOND), 0);
    socket->io = (struct hg_io *)socket; /* only queues here */
    dtls_cookie_send(&keys, socket, &path);
    ck_assert_uint_eq(socket->run_count, 1);
    ck_assert_uint_le(socket->used, 60); /* less than the smallest ClientHello */
    cookie_size = socket->bytes[DTLS_RECORD_HEADER + 12 + 2];
    hello.size = make_hello(bytes) - 2 + cookie_size;
    memcpy(tail, hello_tail + 4, sizeof hello_tail - 4);
    memcpy(bytes + 60, socket->bytes + DTLS_RECORD_HEADER + 12 + 2, 1 + cookie_size);
    memcpy(bytes + 61 + cookie_size, tail, sizeof hello_tail - 4);

    ck_assert(dtls_cookie_verify(&keys, HG_SECOND, &path, &hello, &prestate));
    ck_assert(!dtls_cookie_verify(&keys, HG_SECOND, &elsewhere, &hello, &prestate));
    ck_assert(dtls_cookie_verify(&keys, 62 * HG_SECOND, &path, &hello, &prestate)); /* with the previous key */
    ck_assert(dtls_cookie_verify(&keys, 120 * HG_SECOND, &path, &hello, &prestate));
    ck_assert(!dtls_cookie_verify(&keys, 123 * HG_SECOND, &path, &hello, &prestate));
    dtls_cookie_keys_fini(&keys);
    free(socket);
}
END_TEST

TCase *unit_tests(void)
{
    TCase *tests = dtls_case("unit", 30);

    tcase_add_test(tests, records_are_split_off_a_datagram);
    tcase_add_test(tests, invalid_records_are_dropped);
    tcase_add_test(tests, a_hello_is_read);
    tcase_add_test(tests, a_mangled_hello_is_read_within_its_bounds);
    tcase_add_test(tests, fragments_are_not_a_hello);
    tcase_add_test(tests, a_piece_is_cut_into_datagrams);
    tcase_add_test(tests, cookies_end_with_their_keys);
    return tests;
}
