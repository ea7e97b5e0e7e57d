/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Many plugins in one module, which learns from the name of its own file which of them it is. The tests copy it to each
 * name in the table below. Valid ones come first, then those that must be refused.
 */
#include <dlfcn.h>
#include <hopgate/codec.h>
#include <hopgate/host.h>
#include <hopgate/plugin.h>
#include <hopgate/stage.h>
#include <hopgate/transport.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- Options ---- */

struct transport_cfg {
    struct hg_address listen, connect;
};

static const struct hg_option transport_options[] = {
    {.name = "listen",
     .type = HG_OPTION_ADDRESS,
     .offset = offsetof(struct transport_cfg, listen),
     .doc = "Where to listen."},
    {.name = "connect",
     .type = HG_OPTION_ADDRESS,
     .offset = offsetof(struct transport_cfg, connect),
     .doc = "Where to connect to."},
    {0},
};

struct route {
    const char *to;
};

struct fussy_cfg {
    struct hg_list routes;
};

static const struct hg_option route_fields[] = {
    {.name = "to", .type = HG_OPTION_STRING, .offset = offsetof(struct route, to), .doc = "Where."}, {0}};

static const struct hg_option fussy_options[] = {
    {.name = "routes",
     .type = HG_OPTION_LIST,
     .item = HG_OPTION_MAP,
     .flags = HG_OPTION_BODY,
     .offset = offsetof(struct fussy_cfg, routes),
     .fields = route_fields,
     .item_size = sizeof(struct route),
     .doc = "The routes."},
    {0},
};

static const struct hg_option broken_options[] = {{.name = "Bad Name", .type = HG_OPTION_STRING}, {0}};

/* ---- Operations ---- */

static const struct hg_stage_ops stage_ops = {.events = HG_EVENTS_MESSAGES};
static const struct hg_stage_ops both_ops = {.events = HG_EVENTS_MESSAGES | HG_EVENTS_UPGRADED};
static const struct hg_stage_ops deaf_ops = {.events = HG_EVENTS_UPGRADED};
static const struct hg_stage_ops stateful_ops = {.events = HG_EVENTS_MESSAGES, .self_size = 8};
static const struct hg_edge_ops edge_ops = {.exchange = &stage_ops};
static const struct hg_edge_ops both_edge_ops = {.exchange = &both_ops};
static const struct hg_edge_ops stateful_edge_ops = {.exchange = &stateful_ops};
static const struct hg_edge_ops bare_edge_ops = {0};

static int encode_head(struct hg_worker *worker, const struct hg_head *head, struct hg_output *out, const char **error)
{
    (void)worker;
    (void)head;
    (void)out;
    (void)error;
    return 0;
}

static int encode_data(struct hg_worker *worker, const struct hg_slice *slice, struct hg_output *out,
                       const char **error)
{
    (void)worker;
    (void)slice;
    (void)out;
    (void)error;
    return 0;
}

static int encode_end(struct hg_worker *worker, const struct hg_fields *trailers, struct hg_output *out,
                      const char **error)
{
    (void)worker;
    (void)trailers;
    (void)out;
    (void)error;
    return 0;
}

static int encode_reset(struct hg_worker *worker, const struct hg_reason *reason, struct hg_output *out,
                        const char **error)
{
    (void)worker;
    (void)reason;
    (void)out;
    (void)error;
    return 0;
}

static ptrdiff_t decode(struct hg_worker *worker, void *decoder, const struct hg_slice *in,
                        struct hg_codec_event *event, const char **error)
{
    (void)worker;
    (void)decoder;
    (void)event;
    (void)error;
    return (ptrdiff_t)in->size;
}

static void decoder_free(struct hg_worker *worker, void *decoder)
{
    (void)worker;
    (void)decoder;
}

#define CODEC(wire, growth)                                                                                            \
    {                                                                                                                  \
        .wire_name = (wire), .data_growth = (growth), .encode_head = encode_head, .encode_data = encode_data,          \
        .encode_end = encode_end, .encode_reset = encode_reset, .decode = decode, .decoder_free = decoder_free         \
    }

static const struct hg_codec_ops codec_ops = CODEC("one/1", 64);
static const struct hg_codec_ops other_codec_ops = CODEC("two/1", 86);
static const struct hg_codec_ops nameless_codec_ops = CODEC("", 64);
static const struct hg_codec_ops shrinking_codec_ops = CODEC("three/1", 0);
static const struct hg_codec_ops half_codec_ops = {.wire_name = "x", .data_growth = 64};

static bool listens(const struct hg_instance *instance)
{
    return ((const struct transport_cfg *)instance->cfg)->listen.host != NULL;
}

static int do_connect(struct hg_worker *worker, struct hg_link *link, size_t gateway)
{
    (void)gateway;
    (void)worker;
    (void)link;
    return -1;
}

static void cancel(struct hg_worker *worker, struct hg_link *link)
{
    (void)worker;
    (void)link;
}

static uint64_t next_packet_number(void *handle)
{
    (void)handle;
    return 0;
}

static int send_packet(void *handle, const uint8_t *packet, size_t size)
{
    (void)handle;
    (void)packet;
    (void)size;
    return -1;
}

static void flush(void *handle)
{
    (void)handle;
}

static void close_link(void *handle, bool graceful)
{
    (void)handle;
    (void)graceful;
}

static const struct hg_transport_ops transport_ops = {.listens = listens,
                                                      .connect = do_connect,
                                                      .cancel = cancel,
                                                      .next_packet_number = next_packet_number,
                                                      .send = send_packet,
                                                      .flush = flush,
                                                      .close = close_link};
static const struct hg_transport_ops half_transport_ops = {.listens = listens};

/* ---- Capabilities and commands ---- */

static const int table = 42; /* a plugin that finds another number has got the wrong table */
static const struct hg_offer identity[] = {{"identity", 1, &table}, {0}};
static const struct hg_offer new_identity[] = {{"identity", 9, &table}, {0}};
static const struct hg_offer store[] = {{"store", 1, &table}, {"certificates", 1, &table}, {0}};
static const struct hg_offer empty_offer[] = {{"store", 1, NULL}, {0}};
static const struct hg_offer one[] = {{"one", 1, &table}, {0}};
static const struct hg_offer two[] = {{"two", 1, &table}, {0}};
static const struct hg_need needs_one[] = {{"nothing", 1, true}, {"one", 1, true}, {0}};
static const struct hg_need needs_two[] = {{"two", 1, false}, {0}};
static const struct hg_need needs_store[] = {{"store", 1, false}, {"nothing", 1, true}, {0}};
static const struct hg_need needs_new_store[] = {{"store", 3, false}, {0}};

static int run(int argc, char **argv)
{
    return argc == 3 && argv[2][0] == 'x' ? 7 : 1;
}

static const struct hg_command commands[] = {
    {.name = "polish", .usage = "WHAT x", .summary = "make it shine", .run = run}, {0}};
static const struct hg_command bad_commands[] = {{.name = "polish", .usage = "WHAT", .summary = "make it shine"}, {0}};

/* ---- Life ---- */

static int fussy_configure(struct hg_instance *instance)
{
    const struct fussy_cfg *cfg = instance->cfg;
    const struct route *routes = cfg->routes.items;
    int result = 0;
    char option[64];

    for (size_t i = 0; i < cfg->routes.count; i++) {
        if (routes[i].to && strchr(routes[i].to, '/'))
            continue;
        snprintf(option, sizeof option, "routes[%zu].to", i);
        hg_config_error(instance, option, "'%s' has no slash", routes[i].to ? routes[i].to : "");
        result = -1;
    }
    if (cfg->routes.count == 0)
        hg_config_error(instance, NULL, "nothing to do");
    instance->state = malloc(1); /* so that a leak check detects a missing unconfigure() */
    return result;
}

static void fussy_unconfigure(struct hg_instance *instance)
{
    free(instance->state);
}

static int curious_configure(struct hg_instance *instance)
{
    struct hg_capability found = {0};

    if (!hg_capability(instance, "identity", 1, &found))
        hg_config_error(instance, NULL, "there is no identity");
    if (!found.ops)
        return -1;
    if (*(const int *)found.ops != 42)
        hg_config_error(instance, NULL, "the table is another one");
    if (hg_capability(instance, "identity", 2, &found) || hg_capability(instance, "store", 1, &found))
        hg_config_error(instance, NULL, "there is more than there should be");
    return 0;
}

static int silent_configure(struct hg_instance *instance)
{
    (void)instance;
    return -1;
}

/* ---- The plugins ---- */

#define PLUGIN(word, kind, table)                                                                                      \
    .abi = HG_ABI, .name = (word), .role = (kind), .version = "1", .summary = "a test", .ops = (table)

static const struct hg_plugin plugins[] = {
    {PLUGIN("edge", HG_ROLE_EDGE, &edge_ops)},
    {PLUGIN("edge_both", HG_ROLE_EDGE, &both_edge_ops)},
    {PLUGIN("stage", HG_ROLE_STAGE, &stage_ops), .commands = commands},
    {PLUGIN("stage_both", HG_ROLE_STAGE, &both_ops)},
    {PLUGIN("origin", HG_ROLE_ORIGIN, &stage_ops)},
    {PLUGIN("origin_both", HG_ROLE_ORIGIN, &both_ops)},
    {PLUGIN("codec", HG_ROLE_CODEC, &codec_ops)},
    {PLUGIN("codec_same", HG_ROLE_CODEC, &codec_ops)},
    {PLUGIN("codec_other", HG_ROLE_CODEC, &other_codec_ops)},
    {PLUGIN("transport", HG_ROLE_TRANSPORT, &transport_ops), .options = transport_options,
     .cfg_size = sizeof(struct transport_cfg)},
    {PLUGIN("ident", HG_ROLE_PROVIDER, NULL), .offers = identity},
    {PLUGIN("ident_again", HG_ROLE_PROVIDER, NULL), .offers = identity},
    {PLUGIN("ident_new", HG_ROLE_PROVIDER, NULL), .offers = new_identity},
    {PLUGIN("cupboard", HG_ROLE_PROVIDER, NULL), .offers = store},
    {PLUGIN("round_one", HG_ROLE_PROVIDER, NULL), .offers = one, .needs = needs_two},
    {PLUGIN("round_two", HG_ROLE_PROVIDER, NULL), .offers = two, .needs = needs_one},
    {PLUGIN("needs_round", HG_ROLE_STAGE, &stage_ops), .needs = needs_two},
    {PLUGIN("needy", HG_ROLE_STAGE, &stage_ops), .needs = needs_store},
    {PLUGIN("needy_new", HG_ROLE_STAGE, &stage_ops), .needs = needs_new_store},
    {PLUGIN("fussy", HG_ROLE_STAGE, &stage_ops), .options = fussy_options, .cfg_size = sizeof(struct fussy_cfg),
     .configure = fussy_configure, .unconfigure = fussy_unconfigure},
    {PLUGIN("curious", HG_ROLE_STAGE, &stage_ops), .configure = curious_configure},
    {PLUGIN("silent", HG_ROLE_STAGE, &stage_ops), .configure = silent_configure},

    {PLUGIN("deaf", HG_ROLE_STAGE, &deaf_ops)},
    {PLUGIN("opless", HG_ROLE_STAGE, NULL)},
    {PLUGIN("stateful_edge", HG_ROLE_EDGE, &stateful_edge_ops)},
    {PLUGIN("bare_edge", HG_ROLE_EDGE, &bare_edge_ops)},
    {PLUGIN("nameless_codec", HG_ROLE_CODEC, &nameless_codec_ops)},
    {PLUGIN("shrinking_codec", HG_ROLE_CODEC, &shrinking_codec_ops)},
    {PLUGIN("half_codec", HG_ROLE_CODEC, &half_codec_ops)},
    {PLUGIN("half_transport", HG_ROLE_TRANSPORT, &half_transport_ops)},
    {PLUGIN("busy_provider", HG_ROLE_PROVIDER, &stage_ops), .offers = identity},
    {PLUGIN("idle_provider", HG_ROLE_PROVIDER, NULL)},
    {PLUGIN("empty_offer", HG_ROLE_PROVIDER, NULL), .offers = empty_offer},
    {PLUGIN("bad_command", HG_ROLE_STAGE, &stage_ops), .commands = bad_commands},
    {PLUGIN("bad_options", HG_ROLE_STAGE, &stage_ops), .options = broken_options, .cfg_size = 64},
    {PLUGIN("huge", HG_ROLE_STAGE, &stage_ops), .cfg_size = SIZE_MAX},
    {PLUGIN("roleless", 0, &stage_ops)},
    {PLUGIN("new_role", 99, &stage_ops)},
    {.abi = HG_ABI + 1, .name = "newer", .role = HG_ROLE_STAGE, .ops = &stage_ops},
    {.abi = 0, .name = "abiless", .role = HG_ROLE_STAGE, .ops = &stage_ops},
    {.abi = HG_ABI, .name = "unsummed", .version = "1", .role = HG_ROLE_STAGE, .ops = &stage_ops},
    {.abi = HG_ABI, .name = "unversioned", .summary = "x", .role = HG_ROLE_STAGE, .ops = &stage_ops},
};

HG_EXPORT const struct hg_plugin *hopgate_plugin(void)
{
    Dl_info info;
    void *here;
    const struct hg_plugin *(*self)(void) = hopgate_plugin;
    const char *name;

    memcpy(&here, &self, sizeof here);
    if (!dladdr(here, &info) || !info.dli_fname)
        return NULL;
    name = strrchr(info.dli_fname, '/');
    name = name ? name + 1 : info.dli_fname;
    if (strcmp(name, "misnamed.so") == 0)
        return &plugins[0];
    for (size_t i = 0; i < sizeof plugins / sizeof *plugins; i++)
        if (strlen(plugins[i].name) + 3 == strlen(name) && strncmp(plugins[i].name, name, strlen(plugins[i].name)) == 0)
            return &plugins[i];
    return NULL;
}
