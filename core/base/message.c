/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/base/message.h"

#include <errno.h>
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

/* ---- What a text may hold ---- */

enum kind {
    LINE,  /* any byte but CR, LF and NUL: they would end the line, and what follows would be read as another one */
    WORD,  /* besides, no space or control character: they would end a part of the start line */
    TOKEN, /* RFC 9110 section 5.6.2 */
};

#define EACH_BYTE(byte) ((uint64_t)(byte)*UINT64_C(0x0101010101010101))

/* Not zero if any byte of a word is below CR + 1, as CR, LF, NUL and few others are. */
static uint64_t low_bytes(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return (word - EACH_BYTE('\r' + 1)) & ~word & EACH_BYTE(0x80);
}

/* Eight bytes at a time: every field of every message comes through here. */
static bool is_line(struct hg_text text)
{
    uint64_t low = text.size < 8;

    for (size_t i = 0; i + 8 <= text.size; i += 8)
        low |= low_bytes(text.data + i);
    if (text.size >= 8)
        low |= low_bytes(text.data + text.size - 8);
    for (size_t i = 0; low && i < text.size; i++)
        if (text.data[i] == '\r' || text.data[i] == '\n' || text.data[i] == '\0')
            return false;
    return true;
}

static bool is_word(struct hg_text text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] <= ' ' || text.data[i] == 0x7f)
            return false;
    return true;
}

/* A copy in the memory of `arena`. 0, or -1 with errno: ENOMEM, or EINVAL for a text that is not of that kind. */
static int keep_text(struct hg_arena *arena, enum kind kind, struct hg_text *text, struct hg_text value)
{
    bool good = kind == TOKEN ? hg_text_is_token(value) : kind == WORD ? is_word(value) : is_line(value);
    char *copy;

    if (!good) {
        errno = EINVAL;
        return -1;
    }
    if (!value.size) {
        *text = HG_TEXT("");
        return 0;
    }
    copy = arena_take(arena, value.size, 1);
    if (!copy) {
        errno = ENOMEM;
        return -1;
    }
    memcpy(copy, value.data, value.size);
    *text = (struct hg_text){copy, value.size};
    return 0;
}

/* What a member of a head, or of one of its fields, must be. */
static enum kind kind_of(const struct hg_head *head, const struct hg_text *member)
{
    const char *at = (const char *)member, *items = (const char *)head->fields.items;
    const struct hg_text *const words[] = {&head->scheme, &head->authority, &head->path, &head->id, &head->connection};

    if (member == &head->method)
        return TOKEN;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (member == words[i])
            return WORD;
    if (items && at >= items && at < items + head->fields.count * sizeof(struct hg_field) &&
        (size_t)(at - items) % sizeof(struct hg_field) == offsetof(struct hg_field, name))
        return TOKEN;
    return LINE;
}

int message_head_set(struct hg_head *head, struct hg_text *member, struct hg_text value)
{
    return keep_text(head->fields.arena, kind_of(head, member), member, value);
}

/* ---- Fields ---- */

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

    if (fields_reserve(fields)) {
        errno = ENOMEM;
        return -1;
    }
    if (keep_text(fields->arena, TOKEN, &field.name, name) || keep_text(fields->arena, LINE, &field.value, value))
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
