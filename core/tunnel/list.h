/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Intrusive doubly linked lists: nodes are embedded in the linked objects, so they need no extra memory.
 */
#ifndef CORE_TUNNEL_LIST_H
#define CORE_TUNNEL_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* A node, or the head of a list, which is a ring through its head. `next` is NULL in a node that is in no list. */
struct list {
    struct list *next, *previous;
};

#define LIST_ENTRY(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

static inline void list_init(struct list *head)
{
    head->next = head->previous = head;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline bool list_linked(const struct list *node)
{
    return node->next != NULL;
}

static inline void list_append(struct list *head, struct list *node)
{
    node->next = head;
    node->previous = head->previous;
    head->previous->next = node;
    head->previous = node;
}

/* Removes a node from its list, if it is in one. */
static inline void list_remove(struct list *node)
{
    if (!node->next)
        return;
    node->next->previous = node->previous;
    node->previous->next = node->next;
    node->next = node->previous = NULL;
}

#endif
