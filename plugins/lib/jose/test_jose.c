/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * base64url; keys and signed messages, checked with openssl, an independent implementation.
 */
#include "plugins/lib/jose/base64url.h"
#include "plugins/lib/jose/jose.h"
#include "tests/unit/run_suite.h"

#include <gnutls/abstract.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/test_jose-XXXXXX";

static void set_up(void)
{
    strcpy(folder + strlen("/tmp/test_jose-"), "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
}

static void tear_down(void)
{
    static const char *const files[] = {"key.pem", "data", "signature"};

    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        unlink(files[i]);
    ck_assert_int_eq(chdir("/"), 0);
    rmdir(folder);
}

static void write_file(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(name, "wb");

    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

/* The output of a command, both streams. */
static char *output_of(const char *command)
{
    FILE *pipe = popen(command, "r");
    char *text = calloc(1, 65536);

    ck_assert_ptr_nonnull(pipe);
    ck_assert_uint_lt(fread(text, 1, 65535, pipe), 65535);
    pclose(pipe);
    return text;
}

static void expect(const char *command, const char *wanted)
{
    char *text = output_of(command);

    ck_assert_msg(strstr(text, wanted), "%s: \"%s\" is not in: %s", command, wanted, text);
    free(text);
}

/* The vectors of RFC 4648 section 10, and the two digits that differ. */
START_TEST(test_base64url)
{
    static const char *const cases[][2] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},       {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"\xfb\xff", "-_8"}, {"foobar", "Zm9vYmFy"}};
    static const char *const tolerated[][2] = {
        {"\xfb\xff", "+/8="}, {"\xfb\xff", " -_8= \r\n"}, {"foo", "\tZm9v"}, {"f", "Zg==\r"}};
    static const char *const bad[] = {"A", "Zg*", "Z g", "Z=g", "Zm9vY"};
    size_t size;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = jose_base64url(cases[i][0], strlen(cases[i][0]));
        uint8_t *bytes = jose_base64url_read(hg_text(text), &size);

        ck_assert_str_eq(text, cases[i][1]);
        ck_assert_uint_eq(size, strlen(cases[i][0]));
        ck_assert(!memcmp(bytes, cases[i][0], size));
        free(text);
        free(bytes);
    }
    for (size_t i = 0; i < sizeof tolerated / sizeof *tolerated; i++) {
        uint8_t *bytes = jose_base64url_read(hg_text(tolerated[i][1]), &size);

        ck_assert_uint_eq(size, strlen(tolerated[i][0]));
        ck_assert(!memcmp(bytes, tolerated[i][0], size));
        free(bytes);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_ptr_null(jose_base64url_read(hg_text(bad[i]), &size));
}
END_TEST

/* The key of RFC 7515 appendix A.3. Its thumbprint is what openssl's SHA-256 of that JWK is. */
static gnutls_x509_privkey_t key_of_rfc7515(void)
{
    static const char *const parts[] = {"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                                        "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
                                        "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"};
    gnutls_datum_t numbers[3];
    gnutls_x509_privkey_t key;

    for (int i = 0; i < 3; i++) {
        size_t size;

        numbers[i].data = jose_base64url_read(hg_text(parts[i]), &size);
        numbers[i].size = (unsigned)size;
    }
    ck_assert_int_ge(gnutls_x509_privkey_init(&key), 0);
    ck_assert_int_ge(
        gnutls_x509_privkey_import_ecc_raw(key, GNUTLS_ECC_CURVE_SECP256R1, &numbers[0], &numbers[1], &numbers[2]), 0);
    for (int i = 0; i < 3; i++)
        free(numbers[i].data);
    return key;
}

START_TEST(test_jwk)
{
    gnutls_x509_privkey_t key = key_of_rfc7515();
    json_t *json = jose_jwk(key);
    char *jwk = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS), *thumbprint = jose_thumbprint(key);

    ck_assert_str_eq(jwk, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                          "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}");
    write_file("data", jwk, strlen(jwk));
    expect("openssl dgst -sha256 -binary data | openssl base64 | tr '+/' '-_' | tr -d '=\\n'", thumbprint);
    json_decref(json);
    free(jwk);
    free(thumbprint);
    gnutls_x509_privkey_deinit(key);
}
END_TEST

/* r and s of a signature as the DER that openssl reads: positive numbers, so one with its top bit set needs a leading
 * zero. */
static size_t der_of(const uint8_t *raw, size_t coordinate, uint8_t der[128])
{
    size_t size = 2;

    for (int half = 0; half < 2; half++) {
        const uint8_t *number = raw + (half ? coordinate : 0);
        size_t length = coordinate;

        while (length > 1 && !*number) {
            number++;
            length--;
        }
        der[size++] = 2;
        der[size++] = (uint8_t)(length + (*number >> 7));
        if (*number >> 7)
            der[size++] = 0;
        memcpy(der + size, number, length);
        size += length;
    }
    der[0] = 0x30;
    der[1] = (uint8_t)(size - 2);
    return size;
}

static const struct {
    gnutls_pk_algorithm_t algorithm;
    unsigned bits;
    size_t coordinate; /* 0: RSA */
    const char *digest;
} signers[] = {{GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 32, "sha256"},
               {GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1), 48, "sha384"},
               {GNUTLS_PK_RSA, 2048, 0, "sha256"}};

static void check_signature(gnutls_x509_privkey_t key, size_t coordinate, const char *digest, const char *payload)
{
    char command[256], input[2048];
    gnutls_datum_t pem;
    json_t *message = jose_sign(json_object(), payload, key);
    uint8_t der[128], *raw;
    size_t size;

    raw = jose_base64url_read(hg_text(json_string_value(json_object_get(message, "signature"))), &size);
    ck_assert(size == 2 * coordinate || !coordinate);
    snprintf(input, sizeof input, "%s.%s", json_string_value(json_object_get(message, "protected")),
             json_string_value(json_object_get(message, "payload")));
    ck_assert_int_ge(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem), 0);
    write_file("key.pem", pem.data, pem.size);
    write_file("data", input, strlen(input));
    write_file("signature", coordinate ? der : raw, coordinate ? der_of(raw, coordinate, der) : size);
    snprintf(command, sizeof command,
             "openssl pkey -in key.pem -pubout 2>/dev/null | openssl dgst -%s -verify /dev/stdin -signature signature "
             "data 2>&1",
             digest);
    expect(command, "Verified OK");
    json_decref(message);
    free(raw);
    gnutls_free(pem.data);
}

/* Often enough, for elliptic curves, that numbers with a byte less and with their top bit set occur. */
START_TEST(test_signature)
{
    gnutls_x509_privkey_t key;

    ck_assert_int_ge(gnutls_x509_privkey_init(&key), 0);
    ck_assert_int_ge(gnutls_x509_privkey_generate(key, signers[_i].algorithm, signers[_i].bits, 0), 0);
    for (int i = 0; i < (signers[_i].coordinate ? 40 : 2); i++) {
        char payload[32];

        snprintf(payload, sizeof payload, "message %d", i);
        check_signature(key, signers[_i].coordinate, signers[_i].digest, payload);
    }
    gnutls_x509_privkey_deinit(key);
}
END_TEST

/* A part of a message, decoded. */
static json_t *part_of(const json_t *message, const char *name)
{
    size_t size;
    uint8_t *bytes = jose_base64url_read(hg_text(json_string_value(json_object_get(message, name))), &size);
    json_t *part = size ? json_loadb((char *)bytes, size, 0, NULL) : NULL;

    free(bytes);
    return part;
}

static const char *member(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

START_TEST(test_messages)
{
    gnutls_x509_privkey_t key = key_of_rfc7515();
    json_t *message = jose_sign(json_pack("{s:s}", "kid", "1"), "{\"a\":1}", key);
    json_t *header = part_of(message, "protected"), *payload = part_of(message, "payload");

    ck_assert_str_eq(member(header, "alg"), "ES256");
    ck_assert_str_eq(member(header, "kid"), "1");
    ck_assert_int_eq(json_integer_value(json_object_get(payload, "a")), 1);
    json_decref(message);
    json_decref(header);
    json_decref(payload);

    message = jose_sign(json_object(), "", key);
    ck_assert_str_eq(member(message, "payload"), "");
    json_decref(message);
    ck_assert_ptr_null(jose_sign(NULL, "", key));
    ck_assert_ptr_null(jose_sign(json_object(), NULL, key));
    ck_assert_ptr_null(jose_sign(json_object(), "", NULL));
    gnutls_x509_privkey_deinit(key);
}
END_TEST

START_TEST(test_mac)
{
    json_t *json = jose_mac(json_pack("{s:s}", "kid", "1"), "{}", "AAECAwQFBgcICQoLDA0ODw");
    json_t *header = part_of(json, "protected");
    char input[1024];

    ck_assert_str_eq(member(header, "alg"), "HS256");
    ck_assert_str_eq(member(header, "kid"), "1");
    snprintf(input, sizeof input, "%s.%s", member(json, "protected"), member(json, "payload"));
    write_file("data", input, strlen(input));
    expect("openssl dgst -sha256 -mac HMAC -macopt hexkey:000102030405060708090a0b0c0d0e0f -binary data | "
           "openssl base64 | tr '+/' '-_' | tr -d '=\\n'",
           member(json, "signature"));
    json_decref(json);
    json_decref(header);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jose");
    TCase *tests = tcase_create("jose");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_base64url);
    tcase_add_test(tests, test_jwk);
    tcase_add_loop_test(tests, test_signature, 0, sizeof signers / sizeof *signers);
    tcase_add_test(tests, test_messages);
    tcase_add_test(tests, test_mac);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
