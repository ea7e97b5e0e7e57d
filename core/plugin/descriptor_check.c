/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/plugin/descriptor_check.h"

#include "core/config/only.h"
#include "core/config/options.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    CFG_MAX = 1 << 20,  /* limit for a config struct and for an exchange's state */
    LIST_MAX = 64,      /* offers, needs, commands: more means that the end of the list is missing */
    WIRE_NAME_MAX = 64, /* longest wire name of a codec */
};

/* Formats an error message. Always returns -1. */
struct verdict {
    char *why;
    size_t why_size;
};

__attribute__((cold, format(printf, 2, 3))) static int refuse(const struct verdict *verdict, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(verdict->why, verdict->why_size, format, arguments);
    va_end(arguments);
    return -1;
}

/* ---- The descriptor ---- */

static int check_abi(const struct verdict *verdict, const struct hg_plugin *descriptor)
{
    if (descriptor->abi == HG_ABI)
        return 0;
    if (descriptor->abi == 0)
        return refuse(verdict, "its ABI number is 0: was `.abi = HG_ABI` forgotten?");
    return refuse(verdict, "it was built for ABI %u, but this hopgate has ABI %u: %s", (unsigned)descriptor->abi,
                  (unsigned)HG_ABI,
                  descriptor->abi > HG_ABI ? "install a newer hopgate, or build the plugin for this one"
                                           : "build it for this one");
}

static int check_texts(const struct verdict *verdict, const struct hg_plugin *descriptor, const char *name)
{
    if (!descriptor->name || strcmp(descriptor->name, name) != 0)
        return refuse(verdict, "the plugin's name is '%s', but it must be that of the file",
                      descriptor->name ? descriptor->name : "");
    if (!descriptor->version || !descriptor->summary)
        return refuse(verdict, "its %s is missing", descriptor->version ? "summary" : "version");
    return 0;
}

static int check_lists(const struct verdict *verdict, const struct hg_plugin *descriptor)
{
    size_t i;

    for (i = 0; descriptor->offers[i].name; i++)
        if (i == LIST_MAX || !descriptor->offers[i].ops || descriptor->offers[i].version == 0)
            return refuse(verdict, "its list of offers is not terminated, or an entry has no operations or version");
    for (i = 0; descriptor->needs[i].name; i++)
        if (i == LIST_MAX || descriptor->needs[i].version == 0)
            return refuse(verdict, "its list of needs is not terminated, or an entry has no version");
    for (i = 0; descriptor->commands[i].name; i++)
        if (i == LIST_MAX || (!descriptor->commands[i].run && !descriptor->command) || !descriptor->commands[i].summary)
            return refuse(verdict, "its list of commands is not terminated, or an entry has no function or summary");
    return 0;
}

static int check_config(const struct verdict *verdict, const struct hg_plugin *descriptor)
{
    char fault[256];

    if (descriptor->cfg_size > CFG_MAX)
        return refuse(verdict, "its config struct takes %zu bytes; at most %d are allowed", descriptor->cfg_size,
                      CFG_MAX);
    if (options_table_is_bad(descriptor->options, descriptor->cfg_size, fault, sizeof fault))
        return refuse(verdict, "%s", fault);
    for (const struct hg_option *option = descriptor->options; option && option->name; option++)
        if (strcmp(option->name, ONLY_NAME) == 0)
            return refuse(verdict, "its option '" ONLY_NAME "' has the name of an option of the core");
    return 0;
}

/* ---- Operations ---- */

static int take_stage(const struct verdict *verdict, struct plugin *plugin, const struct hg_stage_ops *stage)
{
    if (!stage)
        return refuse(verdict, "its stage operations are missing");
    plugin->stage = *stage;
    if (plugin->stage.self_size > CFG_MAX)
        return refuse(verdict, "its state takes %zu bytes for each exchange; at most %d are allowed",
                      plugin->stage.self_size, CFG_MAX);
    if (!(plugin->stage.events & (HG_EVENTS_MESSAGES | HG_EVENTS_STREAM | HG_EVENTS_DATAGRAMS)))
        return refuse(verdict,
                      "its events declare neither HG_EVENTS_MESSAGES, HG_EVENTS_STREAM nor HG_EVENTS_DATAGRAMS, "
                      "so no exchange could pass through it");
    return 0;
}

static int take_edge(const struct verdict *verdict, struct plugin *plugin, const struct hg_edge_ops *edge)
{
    if (!edge)
        return refuse(verdict, "its edge operations are missing");
    if (take_stage(verdict, plugin, edge->exchange) != 0)
        return -1;
    if (plugin->stage.self_size != 0)
        return refuse(verdict, "the self_size of an edge must be 0");
    return 0;
}

static int take_codec(const struct verdict *verdict, struct plugin *plugin, const struct hg_codec_ops *codec)
{
    if (!codec)
        return refuse(verdict, "its codec operations are missing");
    if (!codec->wire_name || !*codec->wire_name || strlen(codec->wire_name) > WIRE_NAME_MAX)
        return refuse(verdict, "its wire name is missing or longer than %d bytes", WIRE_NAME_MAX);
    if (!codec->encode_head || !codec->encode_data || !codec->encode_end || !codec->encode_reset || !codec->decode ||
        !codec->decoder_free)
        return refuse(verdict, "one of its codec operations is missing; all are required");
    if (codec->decoder_size > CFG_MAX)
        return refuse(verdict, "its decoder takes %zu bytes; at most %d are allowed", codec->decoder_size, CFG_MAX);
    if (codec->data_growth < 64)
        return refuse(verdict, "its data_growth is %u; 64 means that none is added", codec->data_growth);
    plugin->codec = *codec;
    return 0;
}

static int take_transport(const struct verdict *verdict, struct plugin *plugin,
                          const struct hg_transport_ops *transport)
{
    if (!transport)
        return refuse(verdict, "its transport operations are missing");
    if (!transport->listens || !transport->connect || !transport->cancel || !transport->next_packet_number ||
        !transport->send || !transport->flush || !transport->close)
        return refuse(verdict, "one of its transport operations is missing; all are required");
    plugin->transport = *transport;
    return 0;
}

static int take_operations(const struct verdict *verdict, struct plugin *plugin)
{
    const struct hg_plugin *descriptor = &plugin->descriptor;

    switch (descriptor->role) {
    case HG_ROLE_EDGE:
        return take_edge(verdict, plugin, descriptor->ops);
    case HG_ROLE_STAGE:
    case HG_ROLE_ORIGIN:
        return take_stage(verdict, plugin, descriptor->ops);
    case HG_ROLE_CODEC:
        return take_codec(verdict, plugin, descriptor->ops);
    case HG_ROLE_TRANSPORT:
        return take_transport(verdict, plugin, descriptor->ops);
    case HG_ROLE_PROVIDER:
        if (descriptor->ops)
            return refuse(verdict, "a provider has no operations; `ops` must be NULL");
        if (!descriptor->offers[0].name)
            return refuse(verdict, "it is a provider but offers nothing");
        return 0;
    default:
        return refuse(verdict, "unknown role %u", (unsigned)descriptor->role);
    }
}

int plugin_complete(struct plugin *plugin, const struct hg_plugin *descriptor, const char *name, char *why,
                    size_t why_size)
{
    static const struct hg_offer no_offers[1];
    static const struct hg_need no_needs[1];
    static const struct hg_command no_commands[1];
    const struct verdict verdict = {why, why_size};
    struct hg_plugin *own = &plugin->descriptor;

    if (check_abi(&verdict, descriptor) != 0)
        return -1;
    *own = *descriptor;
    own->offers = own->offers ? own->offers : no_offers;
    own->needs = own->needs ? own->needs : no_needs;
    own->commands = own->commands ? own->commands : no_commands;
    if (check_texts(&verdict, own, name) != 0 || check_lists(&verdict, own) != 0 || check_config(&verdict, own) != 0)
        return -1;
    return take_operations(&verdict, plugin);
}

const char *plugin_role_name(uint32_t role)
{
    static const char *const names[] = {
        [HG_ROLE_EDGE] = "edge",   [HG_ROLE_STAGE] = "stage",         [HG_ROLE_ORIGIN] = "origin",
        [HG_ROLE_CODEC] = "codec", [HG_ROLE_TRANSPORT] = "transport", [HG_ROLE_PROVIDER] = "provider",
    };

    return role > 0 && role < sizeof names / sizeof *names ? names[role] : NULL;
}
