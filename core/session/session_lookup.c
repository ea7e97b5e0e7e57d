/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/session_lookup.h"

#include <stddef.h>
#include <sys/random.h>

/* 128 random bits in base64url, without padding (RFC 4648 section 5). */
int session_random_name(char *name)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t bits[18] = {0};

    if (getrandom(bits, 16, 0) != 16)
        return -1;
    for (size_t i = 0; i < CONTROL_SESSION_NAME_SIZE; i++) {
        size_t bit = 6 * i;
        unsigned pair = (unsigned)bits[bit / 8] << 8 | bits[bit / 8 + 1];

        name[i] = digits[pair >> (10 - bit % 8) & 63];
    }
    name[CONTROL_SESSION_NAME_SIZE] = '\0';
    return 0;
}

int session_register(struct session *session)
{
    struct sessions *sessions = session->sessions;
    struct multimap_node *registered = &session->by_client, *named = &session->by_name;

    registered->key = hg_text(session->identity.id);
    if (session_random_name(session->name) || multimap_add(&sessions->by_client, registered)) {
        registered->key.size = 0;
        return -1;
    }
    named->key = hg_text(session->name);
    if (multimap_add(&sessions->by_name, named)) {
        named->key.size = 0;
        return -1;
    }
    return 0;
}

struct session *session_by_name(const struct sessions *sessions, const char *name)
{
    struct multimap_node *node = multimap_newest(&sessions->by_name, hg_text(name));

    return node ? (struct session *)((char *)node - offsetof(struct session, by_name)) : NULL;
}

static struct session *of_node(struct multimap_node *node)
{
    return node ? (struct session *)((char *)node - offsetof(struct session, by_client)) : NULL;
}

struct session *session_newest(const struct sessions *sessions, struct hg_text client)
{
    return of_node(multimap_newest(&sessions->by_client, client));
}

struct session *session_older(const struct session *session)
{
    return of_node(multimap_older(&session->by_client));
}

bool session_is_same_process(const struct session *one, const struct session *other)
{
    return one == other || (*one->process && !strcmp(one->process, other->process));
}
