/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Plugins that break the contract of <hopgate/stage.h>, as far as it can be checked cheaply. Only their authors can fix
 * them, so the plugin and the callback are named in the log, once for each kind of breach and callback. The exchange
 * fails; nothing else is affected.
 */
#include "core/base/log.h"
#include "core/exchange/exchange_private.h"

#include <assert.h>
#include <stdio.h>

const char *const exchange_hooks[] = {
    [HOOK_NONE] = NULL,     [HOOK_ATTACH] = "attach",     [HOOK_HEAD] = "head",
    [HOOK_DATA] = "data",   [HOOK_END] = "end",           [HOOK_FLUSH] = "flush",
    [HOOK_RESET] = "reset", [HOOK_WRITABLE] = "writable", [HOOK_DETACH] = "detach",
};

#define WHERE_SIZE 32

/* Where the breach happened. Returns `text`. */
static const char *where(const struct slot *slot, char text[WHERE_SIZE])
{
    if (slot->hook == HOOK_NONE)
        return "outside its callbacks";
    snprintf(text, WHERE_SIZE, "in %s()", exchange_hooks[slot->hook]);
    return text;
}

static void report(struct slot *slot, enum breach breach, const char *what)
{
    static_assert(sizeof slot->stage->breaches / sizeof *slot->stage->breaches == HOOK_DETACH + 1, "one for each hook");
    uint32_t bit = UINT32_C(1) << breach;
    char place[WHERE_SIZE];

    if (slot->stage->breaches[slot->hook] & bit)
        return;
    slot->stage->breaches[slot->hook] |= bit;
    log_line(HG_LOG_ERROR, slot->public.worker->instance->name, "this plugin has a bug: %s, it %s (logged once)",
             where(slot, place), what);
}

void slot_note_breach(struct slot *slot, enum breach breach, const char *format, ...)
{
    char what[160];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    report(slot, breach, what);
}

void slot_breach(struct slot *slot, enum breach breach, const char *format, ...)
{
    char what[160], place[WHERE_SIZE], detail[sizeof slot->exchange->detail];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    report(slot, breach, what);
    if (slot_is_over(slot))
        return;
    snprintf(detail, sizeof detail, "%s has a bug: %s, it %s", slot->public.worker->instance->name, where(slot, place),
             what);
    exchange_reset_by(slot->exchange, &(struct hg_reason){500, "proxy_internal_error", detail, 0}, slot->index);
    slot->exchange->is_breach = true;
}

bool slot_head_is_valid(struct slot *slot, enum hg_direction direction, const struct hg_head *head, const char *what)
{
    if (head->kind != (direction == HG_DOWN ? HG_REQUEST : HG_RESPONSE))
        slot_breach(slot, BREACH_HEAD_KIND, "%s the head of a %s", what,
                    direction == HG_DOWN ? "response down" : "request up");
    else if (direction == HG_UP && (head->status < 100 || head->status > 999))
        slot_breach(slot, BREACH_HEAD_STATUS, "%s a head with status %d", what, head->status);
    else if (direction == HG_DOWN && head->traffic > HG_TRAFFIC_DATAGRAMS)
        slot_breach(slot, BREACH_TRAFFIC, "%s a head with traffic %d", what, (int)head->traffic);
    else
        return true;
    return false;
}

bool slot_is_direction(struct slot *slot, enum hg_direction direction)
{
    if (direction == HG_DOWN || direction == HG_UP)
        return true;
    slot_breach(slot, BREACH_DIRECTION, "names %d as a direction", (int)direction);
    return false;
}
