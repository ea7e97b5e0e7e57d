/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/base/message.h"

#include <stdlib.h>

/* A typical head, its texts and field table included, fits in one allocation; a larger one adds blocks. */
#define FIRST_BLOCK  1536
#define FIRST_FIELDS 16
#define LATER_BLOCK  4096

/* Texts are never freed one by one: they go with their head. */
struct block {
    struct block *next;
    size_t size, used;
};

static char *block_bytes(struct block *block)
{
    return (char *)(block + 1);
}

struct hg_arena {
    struct block *blocks; /* the newest first; the last one lies in the same allocation as the arena */
};

static void *arena_take(struct hg_arena *arena, size_t size, size_t align)
{
    struct block *block = arena->blocks;
    size_t start = (block->used + align - 1) & ~(align - 1);

    if (start > block->size || size > block->size - start) {
        size_t room = size > LATER_BLOCK ? size : LATER_BLOCK;

        if (size > SIZE_MAX - sizeof *block)
            return NULL;
        block = malloc(sizeof *block + room);
        if (!block)
            return NULL;
        block->next = arena->blocks;
        block->size = room;
        start = 0;
        arena->blocks = block;
    }
    block->used = start + size;
    return block_bytes(block) + start;
}

/* Frees the blocks that were added; the first goes with the message. */
static void arena_clear(struct hg_arena *arena)
{
    while (arena->blocks->next) {
        struct block *block = arena->blocks;

        arena->blocks = block->next;
        free(block);
    }
}

/* A head or a lone set of fields with its arena and first block behind it, all in one allocation. */
struct message {
    union {
        struct hg_head head;
        struct hg_fields fields;
    };
    struct hg_arena arena;
    struct block first; /* its bytes follow the struct */
};

static struct message *message_new(size_t first_block)
{
    struct message *message = malloc(sizeof *message + first_block);

    if (!message)
        return NULL;
    memset(message, 0, sizeof *message);
    message->first.size = first_block;
    message->arena.blocks = &message->first;
    return message;
}

struct hg_head *message_head_new(enum hg_head_kind kind)
{
    struct message *message = message_new(FIRST_BLOCK);

    if (!message)
        return NULL;
    message->head.kind = kind;
    message->head.version = 0x0101;
    message->head.length = HG_LENGTH_NONE;
    message->head.fields.arena = &message->arena;
    return &message->head;
}

void message_head_free(struct hg_head *head)
{
    if (!head)
        return;
    arena_clear(head->fields.arena);
    free(head);
}

struct hg_fields *message_fields_new(void)
{
    struct message *message = message_new(FIRST_BLOCK / 4);

    if (!message)
        return NULL;
    message->fields.arena = &message->arena;
    return &message->fields;
}

void message_fields_free(struct hg_fields *fields)
{
    if (!fields)
        return;
    arena_clear(fields->arena);
    free(fields);
}

int message_text_set(struct hg_fields *owner, struct hg_text *text, struct hg_text value)
{
    char *copy;

    if (!value.size) {
        *text = (struct hg_text){"", 0};
        return 0;
    }
    copy = arena_take(owner->arena, value.size, 1);
    if (!copy)
        return -1;
    memcpy(copy, value.data, value.size);
    *text = (struct hg_text){copy, value.size};
    return 0;
}

static int fields_reserve(struct hg_fields *fields)
{
    size_t capacity = fields->capacity ? 2 * fields->capacity : FIRST_FIELDS;
    struct hg_field *items;

    if (fields->count < fields->capacity)
        return 0;
    if (capacity > SIZE_MAX / sizeof *items)
        return -1;
    items = arena_take(fields->arena, capacity * sizeof *items, _Alignof(struct hg_field));
    if (!items)
        return -1;
    if (fields->count)
        memcpy(items, fields->items, fields->count * sizeof *items);
    fields->items = items;
    fields->capacity = capacity;
    return 0;
}

int message_field_add(struct hg_fields *fields, struct hg_text name, struct hg_text value)
{
    struct hg_field field;

    if (fields_reserve(fields) || message_text_set(fields, &field.name, name) ||
        message_text_set(fields, &field.value, value))
        return -1;
    fields->items[fields->count++] = field;
    return 0;
}

size_t message_field_remove(struct hg_fields *fields, struct hg_text name)
{
    size_t kept = 0, removed;

    for (size_t i = 0; i < fields->count; i++)
        if (!hg_text_equal_nocase(fields->items[i].name, name))
            fields->items[kept++] = fields->items[i];
    removed = fields->count - kept;
    fields->count = kept;
    return removed;
}
