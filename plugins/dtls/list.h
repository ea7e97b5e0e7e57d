/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Doubly linked lists with the nodes inside their members, so that a member can be removed in constant time, without a
 * search, from whichever list it is in.
 */
#ifndef PLUGINS_DTLS_LIST_H
#define PLUGINS_DTLS_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* The head of a list, or the node within a member. A node that is in no list points to itself. */
struct dtls_list {
    struct dtls_list *previous, *next;
};

/* The struct that contains the node. */
#define DTLS_LIST_ENTRY(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void dtls_list_init(struct dtls_list *list)
{
    list->previous = list->next = list;
}

static inline bool dtls_list_is_empty(const struct dtls_list *list)
{
    return list->next == list;
}

static inline void dtls_list_append(struct dtls_list *list, struct dtls_list *link)
{
    link->previous = list->previous;
    link->next = list;
    list->previous->next = link;
    list->previous = link;
}

/* Removes a node from its list, if it is in one. */
static inline void dtls_list_remove(struct dtls_list *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    dtls_list_init(link);
}

/* Moves all members of `from` to `to`, which is empty. */
static inline void dtls_list_take(struct dtls_list *to, struct dtls_list *from)
{
    dtls_list_init(to);
    if (dtls_list_is_empty(from))
        return;
    *to = *from;
    to->previous->next = to;
    to->next->previous = to;
    dtls_list_init(from);
}

#endif
