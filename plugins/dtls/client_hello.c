/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/dtls/client_hello.h"

/* RFC 6066 section 3, RFC 7301 section 3.1. */
#define EXTENSION_SERVER_NAME 0
#define EXTENSION_ALPN        16
#define NAME_TYPE_HOST        0

/* What is left to be read. */
struct reader {
    const uint8_t *bytes;
    size_t size;
};

/* Reads a vector: a length of `width` bytes, followed by as many bytes (RFC 5246 section 4.3). */
static bool take_vector(struct reader *reader, size_t width, struct reader *vector)
{
    size_t size = 0;

    if (reader->size < width)
        return false;
    for (size_t i = 0; i < width; i++)
        size = size << 8 | reader->bytes[i];
    if (size > reader->size - width)
        return false;
    *vector = (struct reader){reader->bytes + width, size};
    reader->bytes += width + size;
    reader->size -= width + size;
    return true;
}

static bool skip(struct reader *reader, size_t size)
{
    if (size > reader->size)
        return false;
    reader->bytes += size;
    reader->size -= size;
    return true;
}

static bool read_server_name(struct reader extension, struct dtls_hello *hello)
{
    struct reader list, name;

    if (!take_vector(&extension, 2, &list))
        return false;
    while (list.size > 0) {
        uint8_t type = list.bytes[0];

        if (!skip(&list, 1) || !take_vector(&list, 2, &name))
            return false;
        if (type == NAME_TYPE_HOST)
            hello->server_name = (struct hg_text){(const char *)name.bytes, name.size};
    }
    return true;
}

static bool read_alpn(struct reader extension, struct dtls_hello *hello)
{
    struct reader list, protocol;

    if (!take_vector(&extension, 2, &list))
        return false;
    while (list.size > 0) {
        if (!take_vector(&list, 1, &protocol))
            return false;
        if (hello->alpn_count < DTLS_HELLO_ALPN)
            hello->alpn[hello->alpn_count++] = (struct hg_text){(const char *)protocol.bytes, protocol.size};
    }
    return true;
}

bool dtls_hello_read(const struct dtls_record *record, struct dtls_hello *hello)
{
    const uint8_t *random = dtls_record_client_random(record);
    struct reader reader = {random, (size_t)(record->bytes + record->size - random)};
    struct reader ignored, extensions, extension;

    *hello = (struct dtls_hello){.alpn_count = 0};
    /* random, session_id, cookie, cipher_suites, compression_methods (RFC 6347 section 4.2.1) */
    if (!skip(&reader, DTLS_RANDOM_SIZE) || !take_vector(&reader, 1, &ignored) || !take_vector(&reader, 1, &ignored) ||
        !take_vector(&reader, 2, &ignored) || !take_vector(&reader, 1, &ignored))
        return false;
    if (reader.size == 0)
        return true;
    if (!take_vector(&reader, 2, &extensions))
        return false;
    while (extensions.size > 0) {
        const uint8_t *type = extensions.bytes;

        if (!skip(&extensions, 2) || !take_vector(&extensions, 2, &extension))
            return false;
        if (type[0] == 0 && type[1] == EXTENSION_SERVER_NAME && !read_server_name(extension, hello))
            return false;
        if (type[0] == 0 && type[1] == EXTENSION_ALPN && !read_alpn(extension, hello))
            return false;
    }
    return true;
}
