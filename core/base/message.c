/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/base/message.h"

#include <errno.h>
#include <stdlib.h>

/* A typical head, with its texts and field table, fits in one allocation; a larger one adds blocks. */
#define FIRST_BLOCK  1536
#define FIRST_FIELDS 16
#define LATER_BLOCK  4096

/* Texts are never freed one by one, only together with their head. */
struct block {
    struct block *next;
    size_t size, used;
};

static char *block_bytes(struct block *block)
{
    return (char *)(block + 1);
}

struct hg_arena {
    struct block *blocks; /* newest first; the last one is in the same allocation as the arena */
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

/* Frees the added blocks; the first is part of the message. */
static void arena_clear(struct hg_arena *arena)
{
    while (arena->blocks->next) {
        struct block *block = arena->blocks;

        arena->blocks = block->next;
        free(block);
    }
}

/* A head or a lone set of fields, followed by its arena and first block, all in one allocation. */
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

/* ---- Which bytes a text may contain ---- */

/* Every text of every message is checked here, so eight bytes are checked at a time. */

enum kind {
    LINE,  /* any byte but CR, LF and NUL, which would end the line and turn the rest into another one */
    WORD,  /* also no space or control character, which would end a part of the start line */
    TOKEN, /* RFC 9110 section 5.6.2 */
};

#define EACH_BYTE(byte) ((uint64_t)(byte)*UINT64_C(0x0101010101010101))
#define HIGH_BITS       EACH_BYTE(0x80)

/* Whether all bytes are allowed. The check is fast, but may reject a few that are. */
static inline bool is_plain_line(uint64_t word)
{
    return !((word - EACH_BYTE('\r' + 1)) & ~word & HIGH_BITS);
}

static inline bool is_plain_word(uint64_t word)
{
    uint64_t del = word ^ EACH_BYTE(0x7f);

    return !((((word - EACH_BYTE(' ' + 1)) & ~word) | ((del - EACH_BYTE(1)) & ~del)) & HIGH_BITS);
}

/* Only letters and '-', as in most field names. */
static inline bool is_plain_token(uint64_t word)
{
    uint64_t lower = word | EACH_BYTE(0x20), dash = word ^ EACH_BYTE('-');
    uint64_t letters = (lower + EACH_BYTE(0x80 - 'a')) & ~(lower + EACH_BYTE(0x7f - 'z'));

    return !(word & HIGH_BITS) && ((letters | (HIGH_BITS - dash)) & HIGH_BITS) == HIGH_BITS;
}

/* The eight bytes at `at`. */
static inline uint64_t eight(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return word;
}

/* All bytes of a text of 4 to 7 bytes, some of them twice. */
static inline uint64_t four_to_seven(struct hg_text text)
{
    uint32_t first, last;

    memcpy(&first, text.data, sizeof first);
    memcpy(&last, text.data + text.size - sizeof last, sizeof last);
    return (uint64_t)first << 32 | last;
}

/* Checks each byte of a text, the last bytes of a longer one twice; a text below 4 bytes never counts as plain. */
static inline bool is_plain(struct hg_text text, bool (*plain)(uint64_t word))
{
    if (text.size < 8)
        return text.size >= 4 && plain(four_to_seven(text));
    for (size_t i = 0; i + 8 < text.size; i += 8)
        if (!plain(eight(text.data + i)))
            return false;
    return plain(eight(text.data + text.size - 8));
}

static bool is_line(struct hg_text text)
{
    if (is_plain(text, is_plain_line))
        return true;
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] == '\r' || text.data[i] == '\n' || text.data[i] == '\0')
            return false;
    return true;
}

static bool is_word(struct hg_text text)
{
    if (is_plain(text, is_plain_word))
        return true;
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] <= ' ' || text.data[i] == 0x7f)
            return false;
    return true;
}

static bool is_token(struct hg_text text)
{
    return is_plain(text, is_plain_token) || hg_text_is_token(text);
}

static bool is_kind(enum kind kind, struct hg_text text)
{
    return kind == LINE ? is_line(text) : kind == WORD ? is_word(text) : is_token(text);
}

/* The kind of text that a member of a head, or of one of its fields, must be. */
static enum kind kind_of(const struct hg_head *head, const struct hg_text *member)
{
    size_t at = (uintptr_t)member - (uintptr_t)head, item = (uintptr_t)member - (uintptr_t)head->fields.items;

    switch (at) {
    case offsetof(struct hg_head, method):
        return TOKEN;
    case offsetof(struct hg_head, scheme):
    case offsetof(struct hg_head, authority):
    case offsetof(struct hg_head, path):
    case offsetof(struct hg_head, id):
    case offsetof(struct hg_head, connection):
        return WORD;
    default:
        return item < head->fields.count * sizeof(struct hg_field) &&
                       item % sizeof(struct hg_field) == offsetof(struct hg_field, name)
                   ? TOKEN
                   : LINE;
    }
}

int message_head_set(struct hg_head *head, struct hg_text *member, struct hg_text value)
{
    char *copy;

    if (!is_kind(kind_of(head, member), value)) {
        errno = EINVAL;
        return -1;
    }
    if (!value.size) {
        *member = HG_TEXT("");
        return 0;
    }
    copy = arena_take(head->fields.arena, value.size, 1);
    if (!copy) {
        errno = ENOMEM;
        return -1;
    }
    memcpy(copy, value.data, value.size);
    *member = (struct hg_text){copy, value.size};
    return 0;
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
    char *copy;

    if (!is_token(name) || !is_line(value)) {
        errno = EINVAL;
        return -1;
    }
    copy = value.size > SIZE_MAX - name.size || fields_reserve(fields)
               ? NULL
               : arena_take(fields->arena, name.size + value.size, 1);
    if (!copy) {
        errno = ENOMEM;
        return -1;
    }
    memcpy(copy, name.data, name.size);
    if (value.size)
        memcpy(copy + name.size, value.data, value.size);
    fields->items[fields->count++] =
        (struct hg_field){{copy, name.size}, {value.size ? copy + name.size : "", value.size}};
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
