/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/dtls/cookie.h"

#include <string.h>

/* A cookie is valid for between one and two of these periods; it is used within a round trip. */
#define ROTATION (60 * HG_SECOND)

int dtls_cookie_keys_init(struct dtls_cookie_keys *keys, hg_time now)
{
    memset(keys, 0, sizeof *keys);
    keys->rotated = now;
    if (gnutls_key_generate(&keys->present, GNUTLS_COOKIE_KEY_SIZE) < 0 ||
        gnutls_key_generate(&keys->previous, GNUTLS_COOKIE_KEY_SIZE) < 0) {
        dtls_cookie_keys_fini(keys);
        return -1;
    }
    return 0;
}

static void free_key(gnutls_datum_t *key)
{
    if (key->data)
        gnutls_memset(key->data, 0, key->size);
    gnutls_free(key->data);
    key->data = NULL;
}

void dtls_cookie_keys_fini(struct dtls_cookie_keys *keys)
{
    free_key(&keys->present);
    free_key(&keys->previous);
}

static void rotate(struct dtls_cookie_keys *keys, hg_time now)
{
    gnutls_datum_t fresh;

    if (now - keys->rotated < ROTATION || gnutls_key_generate(&fresh, GNUTLS_COOKIE_KEY_SIZE) < 0)
        return;
    free_key(&keys->previous);
    keys->previous = keys->present;
    keys->present = fresh;
    keys->rotated = now;
}

static int verify(gnutls_datum_t *key, struct dtls_path path, const struct dtls_record *client_hello,
                  gnutls_dtls_prestate_st *prestate)
{
    memset(prestate, 0, sizeof *prestate);
    return gnutls_dtls_cookie_verify(key, &path, sizeof path, (void *)(uintptr_t)client_hello->bytes,
                                     client_hello->size, prestate);
}

bool dtls_cookie_verify(struct dtls_cookie_keys *keys, hg_time now, const struct dtls_path *path,
                        const struct dtls_record *client_hello, gnutls_dtls_prestate_st *prestate)
{
    rotate(keys, now);
    return verify(&keys->present, *path, client_hello, prestate) == 0 ||
           verify(&keys->previous, *path, client_hello, prestate) == 0;
}

/* Where to send the answer. */
struct answer {
    struct dtls_socket *socket;
    const struct dtls_path *path;
};

static ssize_t push(gnutls_transport_ptr_t context, const void *bytes, size_t size)
{
    const struct answer *answer = context;

    /* Without room, the answer is dropped, and the peer asks again. */
    dtls_socket_append(answer->socket, NULL, answer->path, bytes, size, 0);
    return (ssize_t)size;
}

void dtls_cookie_send(const struct dtls_cookie_keys *keys, struct dtls_socket *socket, const struct dtls_path *path)
{
    gnutls_dtls_prestate_st prestate = {0};
    struct answer answer = {socket, path};
    struct dtls_path client_data = *path;
    gnutls_datum_t key = keys->present;

    gnutls_dtls_cookie_send(&key, &client_data, sizeof client_data, &prestate, &answer, push);
}
