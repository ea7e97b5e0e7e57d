/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/pipeline/pipeline_check.h"

#include "core/base/fatal.h"

#include <hopgate/identity.h>
#include <stdlib.h>
#include <strings.h>

static uint32_t role_of(const struct instance *instance)
{
    return instance->plugin->descriptor.role;
}

static const char *shape_name(const struct pipeline *pipeline)
{
    return pipeline->shape == PIPELINE_GATEWAY ? "gateway" : "client";
}

static struct instance *first_of(const struct pipeline *pipeline, uint32_t role)
{
    for (size_t i = 0; i < pipeline->count; i++)
        if (role_of(pipeline->instances[i]) == role)
            return pipeline->instances[i];
    return NULL;
}

/* ---- Shape ---- */

/* The position of a role on the way down. Providers, which may be anywhere, have none. */
static int place_of(const struct pipeline *pipeline, uint32_t role)
{
    static const int gateway[] = {
        [HG_ROLE_EDGE] = 1, [HG_ROLE_STAGE] = 2, [HG_ROLE_CODEC] = 3, [HG_ROLE_TRANSPORT] = 4};
    static const int client[] = {
        [HG_ROLE_TRANSPORT] = 1, [HG_ROLE_CODEC] = 2, [HG_ROLE_STAGE] = 3, [HG_ROLE_ORIGIN] = 4};

    if (pipeline->shape == PIPELINE_GATEWAY)
        return role < sizeof gateway / sizeof *gateway ? gateway[role] : 0;
    return role < sizeof client / sizeof *client ? client[role] : 0;
}

/* The first block decides; if it cannot, any edge or origin does. */
static bool find_shape(struct pipeline *pipeline)
{
    const struct instance *edge = first_of(pipeline, HG_ROLE_EDGE), *origin = first_of(pipeline, HG_ROLE_ORIGIN);
    uint32_t first = HG_ROLE_PROVIDER;

    for (size_t i = 0; first == HG_ROLE_PROVIDER && i < pipeline->count; i++)
        first = role_of(pipeline->instances[i]);
    if (first != HG_ROLE_EDGE && first != HG_ROLE_TRANSPORT && !edge && !origin) {
        config_fault(pipeline->config, pipeline->instances[0]->name,
                     "neither a gateway nor a client: a gateway begins with an edge, such as http, and a client ends "
                     "with an origin");
        return false;
    }
    if (first == HG_ROLE_EDGE || (first != HG_ROLE_TRANSPORT && edge))
        pipeline->shape = PIPELINE_GATEWAY;
    else
        pipeline->shape = edge && !origin ? PIPELINE_GATEWAY : PIPELINE_CLIENT;
    return true;
}

static void check_order(struct pipeline *pipeline)
{
    const struct instance *lowest = NULL;

    for (size_t i = 0; i < pipeline->count; i++) {
        const struct instance *instance = pipeline->instances[i];
        const char *role = plugin_role_name(role_of(instance));
        int place = place_of(pipeline, role_of(instance));

        if (role_of(instance) == HG_ROLE_PROVIDER)
            continue;
        if (place == 0)
            config_fault(pipeline->config, instance->name, "%s: an %s cannot be in the pipeline of a %s",
                         instance->public.name, role, shape_name(pipeline));
        else if (lowest && place < place_of(pipeline, role_of(lowest)))
            config_fault(pipeline->config, instance->name,
                         "%s: wrong order: on a %s, the %s must come before '%s' (%s); move it up",
                         instance->public.name, shape_name(pipeline), role, lowest->public.name,
                         plugin_role_name(role_of(lowest)));
        else
            lowest = instance;
    }
}

/* Picks the instances with certain roles, in the file's order. 0, or -1 when out of memory. */
static int pick(const struct pipeline *pipeline, const bool roles[], struct instance ***row, size_t *count)
{
    *row = calloc(pipeline->count, sizeof(struct instance *));
    *count = 0;
    if (!*row)
        return -1;
    for (size_t i = 0; i < pipeline->count; i++)
        if (roles[role_of(pipeline->instances[i])])
            (*row)[(*count)++] = pipeline->instances[i];
    return 0;
}

static void check_numbers(struct pipeline *pipeline)
{
    uint32_t single = pipeline->shape == PIPELINE_GATEWAY ? HG_ROLE_EDGE : HG_ROLE_ORIGIN;
    const struct instance *first = first_of(pipeline, single);
    const struct config_node *list = config_get(pipeline->config->root, SETTINGS_PIPELINE, NULL);

    if (!first)
        config_fault(pipeline->config, list, "a %s needs an %s at its %s", shape_name(pipeline),
                     plugin_role_name(single), single == HG_ROLE_EDGE ? "beginning" : "end");
    for (size_t i = 0; i < pipeline->path_count; i++)
        if (role_of(pipeline->path[i]) == single && pipeline->path[i] != first)
            config_fault(pipeline->config, pipeline->path[i]->name,
                         "%s: a pipeline can have only one %s, and it already has '%s' on line %u",
                         pipeline->path[i]->public.name, plugin_role_name(single), first->public.name,
                         first->name->line);
    if (pipeline->codec_count == 0)
        config_fault(pipeline->config, list, "a %s needs a codec between stages and transports, such as codec_binary",
                     shape_name(pipeline));
    if (pipeline->transport_count == 0)
        config_fault(pipeline->config, list, "a %s needs a transport at its %s, such as dtls", shape_name(pipeline),
                     pipeline->shape == PIPELINE_GATEWAY ? "end" : "beginning");
}

/* Counts the tunnel, too, which opens exchanges at one end or takes them at the other without being declared in the
 * file. */
static void check_length(struct pipeline *pipeline)
{
    if (pipeline->path_count + 1 > PIPELINE_STAGES_MAX)
        config_fault(pipeline->config, pipeline->path[PIPELINE_STAGES_MAX - 1]->name,
                     "%s: there are %zu stages; at most %d are allowed",
                     pipeline->path[PIPELINE_STAGES_MAX - 1]->public.name, pipeline->path_count,
                     PIPELINE_STAGES_MAX - 1);
}

static void check_codecs(struct pipeline *pipeline)
{
    for (size_t i = 0; i < pipeline->codec_count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(pipeline->codecs[i]->plugin->codec.wire_name, pipeline->codecs[j]->plugin->codec.wire_name) == 0)
                config_fault(pipeline->config, pipeline->codecs[i]->name,
                             "%s: duplicate format '%s', already provided by '%s' on line %u",
                             pipeline->codecs[i]->public.name, pipeline->codecs[i]->plugin->codec.wire_name,
                             pipeline->codecs[j]->public.name, pipeline->codecs[j]->name->line);
}

/* Every stage of the path must understand all kinds of traffic that an end of it lets in. */
static void check_events(struct pipeline *pipeline)
{
    static const struct {
        uint32_t event;
        const char *name;
    } kinds[] = {{HG_EVENTS_MESSAGES, "HTTP"},
                 {HG_EVENTS_UPGRADED, "upgraded exchanges (WebSockets)"},
                 {HG_EVENTS_STREAM, "byte streams"},
                 {HG_EVENTS_DATAGRAMS, "datagrams"}};
    const struct instance *end =
        first_of(pipeline, pipeline->shape == PIPELINE_GATEWAY ? HG_ROLE_EDGE : HG_ROLE_ORIGIN);

    for (size_t kind = 0; end && kind < sizeof kinds / sizeof *kinds; kind++)
        for (size_t i = 0; end->plugin->stage.events & kinds[kind].event && i < pipeline->path_count; i++)
            if (!(pipeline->path[i]->plugin->stage.events & kinds[kind].event))
                config_fault(pipeline->config, pipeline->path[i]->name, "%s: does not support %s, which '%s' passes on",
                             pipeline->path[i]->public.name, kinds[kind].name, end->public.name);
}

int pipeline_arrange(struct pipeline *pipeline)
{
    static const bool path[HG_ROLE_PROVIDER + 1] = {
        [HG_ROLE_EDGE] = true, [HG_ROLE_STAGE] = true, [HG_ROLE_ORIGIN] = true};
    static const bool codecs[HG_ROLE_PROVIDER + 1] = {[HG_ROLE_CODEC] = true};
    static const bool transports[HG_ROLE_PROVIDER + 1] = {[HG_ROLE_TRANSPORT] = true};

    if (pick(pipeline, path, &pipeline->path, &pipeline->path_count) != 0 ||
        pick(pipeline, codecs, &pipeline->codecs, &pipeline->codec_count) != 0 ||
        pick(pipeline, transports, &pipeline->transports, &pipeline->transport_count) != 0)
        return -1;
    if (!find_shape(pipeline))
        return 0;
    check_order(pipeline);
    check_numbers(pipeline);
    check_length(pipeline);
    check_codecs(pipeline);
    check_events(pipeline);
    return 0;
}

void pipeline_check_transports(struct pipeline *pipeline)
{
    bool gateway = pipeline->shape == PIPELINE_GATEWAY;

    for (size_t i = 0; i < pipeline->transport_count; i++) {
        const struct instance *transport = pipeline->transports[i];
        bool listens;

        if (pipeline->shape == PIPELINE_UNKNOWN || !transport->filled || transport->faults > 0)
            continue;
        CALL_PLUGIN(transport->public.name, "listens",
                    listens = transport->plugin->transport.listens(&transport->public));
        if (listens == gateway)
            continue;
        config_fault(pipeline->config, transport->name,
                     gateway ? "%s: it connects, but the transports of a gateway must listen"
                             : "%s: it listens, but the transports of a client must connect",
                     transport->public.name);
    }
}

/* ---- Settings ---- */

void pipeline_check_settings(struct pipeline *pipeline)
{
    static const struct {
        const char *name;
        enum pipeline_shape shape;
    } settings[] = {{"links", PIPELINE_CLIENT},
                    {"head_start", PIPELINE_CLIENT},
                    {"probe_interval", PIPELINE_CLIENT},
                    {"sessions_per_client", PIPELINE_GATEWAY},
                    {"sessions_per_process", PIPELINE_GATEWAY}};

    for (size_t i = 0; pipeline->shape != PIPELINE_UNKNOWN && i < sizeof settings / sizeof *settings; i++) {
        const struct config_node *at = config_get(pipeline->config->root, settings[i].name, NULL);

        if (at && settings[i].shape != pipeline->shape)
            config_warning(pipeline->config, at, "%s: it has no effect on a %s", settings[i].name,
                           shape_name(pipeline));
    }
}

/* ---- Addresses ---- */

/* Whether sockets of the same type cannot listen on both addresses. */
static bool clash(const struct hg_address *one, const struct hg_address *other)
{
    return one->port && one->port == other->port &&
           (!strcasecmp(one->host, other->host) || !strcmp(one->host, "*") || !strcmp(other->host, "*"));
}

static void check_list(const struct instance *instance, const char *option, const struct hg_list *list)
{
    const struct hg_address *addresses = list->items;
    char place[80];

    for (size_t i = 0; i < list->count; i++)
        for (size_t j = 0; j < i; j++)
            if (clash(&addresses[i], &addresses[j])) {
                snprintf(place, sizeof place, "%s[%zu]", option, i);
                hg_config_error(&instance->public, place, "duplicate address %s:%u; already given in %s:%u",
                                addresses[i].host, addresses[i].port, addresses[j].host, addresses[j].port);
                break;
            }
}

void pipeline_check_addresses(struct pipeline *pipeline)
{
    for (size_t i = 0; pipeline->shape == PIPELINE_GATEWAY && i < pipeline->count; i++) {
        const struct instance *instance = pipeline->instances[i];
        const struct hg_option *option = instance->plugin->descriptor.options;

        for (; instance->filled && option && option->name; option++)
            if (option->type == HG_OPTION_LIST && option->item == HG_OPTION_ADDRESS)
                check_list(instance, option->name, (const void *)((const char *)instance->public.cfg + option->offset));
    }
}

/* ---- Capabilities ---- */

/* The offer of that name in any version, and the instance that makes it. */
static const struct hg_offer *find_offer(const struct pipeline *pipeline, const char *name,
                                         const struct instance **provider)
{
    for (size_t i = 0; i < pipeline->count; i++)
        for (const struct hg_offer *offer = pipeline->instances[i]->plugin->descriptor.offers; offer->name; offer++)
            if (strcmp(offer->name, name) == 0) {
                *provider = pipeline->instances[i];
                return offer;
            }
    return NULL;
}

/* The plugins in the search path that offer a capability, as "; plugins that offer it: a, b". The caller frees it. */
static char *plugins_that_offer(struct plugins *plugins, const char *name)
{
    size_t count = 0, size = 0, found = 0;
    struct plugin_file *files = plugins_files(plugins, &count);
    char *text = NULL, why[256];
    FILE *out = open_memstream(&text, &size);

    for (size_t i = 0; out && i < count; i++) {
        const struct plugin *plugin = files[i].hidden ? NULL : plugins_load(plugins, files[i].name, why, sizeof why);
        const struct hg_offer *offer = plugin ? plugin->descriptor.offers : NULL;

        while (offer && offer->name && strcmp(offer->name, name) != 0)
            offer++;
        if (offer && offer->name)
            fprintf(out, "%s%s", found++ ? ", " : "; plugins that offer it: ", files[i].name);
    }
    plugins_files_free(files, count);
    if (out)
        fclose(out);
    return text;
}

/* `user` is NULL for the needs of the core itself. */
static void check_need(struct pipeline *pipeline, const struct instance *user, const char *name, uint32_t version)
{
    const struct instance *provider = NULL;
    const struct hg_offer *offer = find_offer(pipeline, name, &provider);
    const struct config_node *at = user ? user->name : config_get(pipeline->config->root, SETTINGS_PIPELINE, NULL);
    const char *who = user ? user->public.name : shape_name(pipeline);
    char *others;

    if (offer && offer->version == version)
        return;
    if (offer) {
        config_fault(pipeline->config, at, "%s: it requires '%s' version %u, but '%s' offers version %u", who, name,
                     (unsigned)version, provider->public.name, (unsigned)offer->version);
        return;
    }
    others = plugins_that_offer(pipeline->plugins, name);
    config_fault(pipeline->config, at, "%s: it requires '%s', which no plugin in the pipeline offers%s", who, name,
                 others ? others : "");
    free(others);
}

static bool is_used(const struct pipeline *pipeline, const char *name)
{
    if (strcmp(name, HG_IDENTITY) == 0)
        return true;
    for (size_t i = 0; i < pipeline->count; i++)
        for (const struct hg_need *need = pipeline->instances[i]->plugin->descriptor.needs; need->name; need++)
            if (strcmp(need->name, name) == 0)
                return true;
    return false;
}

/* A capability that is needed must have exactly one provider; one that is not needed may have several. */
static void check_doubles(struct pipeline *pipeline, const struct instance *instance)
{
    for (const struct hg_offer *offer = instance->plugin->descriptor.offers; offer->name; offer++) {
        const struct instance *first = NULL;

        if (!is_used(pipeline, offer->name))
            continue;
        find_offer(pipeline, offer->name, &first);
        if (first != instance)
            config_fault(pipeline->config, instance->name, "%s: '%s' is already offered by '%s' on line %u",
                         instance->public.name, offer->name, first->public.name, first->name->line);
    }
}

void pipeline_check_capabilities(struct pipeline *pipeline)
{
    for (size_t i = 0; i < pipeline->count; i++) {
        const struct instance *instance = pipeline->instances[i];

        check_doubles(pipeline, instance);
        for (const struct hg_need *need = instance->plugin->descriptor.needs; need->name; need++)
            if (!need->optional)
                check_need(pipeline, instance, need->name, need->version);
    }
    /* The core opens sessions, and only for identified clients. */
    check_need(pipeline, NULL, HG_IDENTITY, HG_IDENTITY_VERSION);
}
