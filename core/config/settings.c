/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/config/settings.h"

#include <hopgate/host.h>

static const char *const log_formats[] = {"auto", "text", "json", NULL};             /* enum log_format */
static const char *const log_levels[] = {"error", "warning", "info", "debug", NULL}; /* enum hg_level, less one */

#define PLACE(member) .offset = offsetof(struct settings, member)

const struct hg_option settings_options[] = {
    {.name = "user",
     .type = HG_OPTION_STRING,
     PLACE(user),
     .doc =
         "The user to become once all sockets are bound, when started as root; without it the user stays. Files that "
         "are read again when they change, such as keys and tokens, must be readable by that user."},
    {.name = "log",
     .type = HG_OPTION_ENUM,
     PLACE(log),
     .value = "auto",
     .choices = log_formats,
     .doc = "What log lines look like: auto means text on a terminal and JSON elsewhere."},
    {.name = "log_level",
     .type = HG_OPTION_ENUM,
     PLACE(log_level),
     .value = "info",
     .choices = log_levels,
     .doc = "The least important lines that are still written."},
    {.name = "stop_timeout",
     .type = HG_OPTION_DURATION,
     PLACE(stop_timeout),
     .value = "10s",
     .min = 0,
     .max = (int64_t)(3600 * HG_SECOND),
     .doc = "How long running exchanges may take to end after SIGTERM."},
    {.name = "exchange_buffer",
     .type = HG_OPTION_SIZE,
     PLACE(exchange_buffer),
     .value = "64k",
     .min = 16 << 10,
     .max = 16 << 20,
     .doc = "Bytes that may wait at each stage of an exchange, in each direction."},
    {.name = "keep_alive",
     .type = HG_OPTION_DURATION,
     PLACE(keep_alive),
     .value = "15s",
     .min = (int64_t)(100 * HG_MILLISECOND),
     .max = (int64_t)(60 * HG_SECOND),
     .doc = "How long a link may be idle before its peer is asked whether it is there; NAT boxes forget idle UDP "
            "flows after 30 seconds or more. A client also asks when the machine has slept, and when its addresses or "
            "routes change."},
    {.name = "dead_after",
     .type = HG_OPTION_DURATION,
     PLACE(dead_after),
     .value = "10s",
     .min = (int64_t)(200 * HG_MILLISECOND),
     .max = (int64_t)(19 * HG_SECOND),
     .doc = "How long a peer may leave what it was sent unanswered before the link is given up; a client looks for "
            "another link long before. A peer of an idle link, which is only asked after `keep_alive`, has 4s at most, "
            "so that by default a dead one is found in less than 20 seconds."},
    {.name = "resume_timeout",
     .type = HG_OPTION_DURATION,
     PLACE(resume_timeout),
     .value = "60s",
     .min = 0,
     .max = (int64_t)(3600 * HG_SECOND),
     .doc =
         "How long a session that has lost its link waits for another one, its exchanges paused, before it ends; "
         "0: not at all. A gateway cannot tell a client that was killed from one that was cut off, so what ran there "
         "waits for that long too, after `dead_after` at most, unless another process with the same id answers, such "
         "as the client that was started again: then it ends within 3s."},
    {.name = "links",
     .type = HG_OPTION_INTEGER,
     PLACE(links),
     .value = "1",
     .min = 1,
     .max = SETTINGS_LINKS_MAX,
     .doc = "Client: how many links to keep to each gateway, each with a session of its own, among which the gateway "
            "shares out new exchanges; whatever befalls one of them, those over the others go on."},
    {.name = "sessions_per_client",
     .type = HG_OPTION_INTEGER,
     PLACE(sessions_per_client),
     .value = "64",
     .min = 1,
     .max = 1024,
     .doc = "Gateway: how many sessions one id may have, over all processes that use it. Further ones are refused, "
            "unless one without a link can give way."},
    {.name = "sessions_per_process",
     .type = HG_OPTION_INTEGER,
     PLACE(sessions_per_process),
     .value = "16",
     .min = 1,
     .max = 1024,
     .doc = "Gateway: how many of them one process may have; it needs as many as its `links`, and as many again while "
            "the gateway drains."},
    {.name = "head_start",
     .type = HG_OPTION_DURATION,
     PLACE(head_start),
     .value = "300ms",
     .min = 0,
     .max = (int64_t)(10 * HG_SECOND),
     .doc = "Client: how long a transport may try to connect before the next one of the pipeline tries too; the first "
            "to succeed is taken (RFC 8305)."},
    {.name = "probe_interval",
     .type = HG_OPTION_DURATION,
     PLACE(probe_interval),
     .value = "45s",
     .min = (int64_t)(100 * HG_MILLISECOND),
     .max = (int64_t)(3600 * HG_SECOND),
     .doc =
         "Client: how often, while a session uses a later transport of the pipeline, an earlier one is tried, to move "
         "back to it; about that, at random."},
    {.name = "session_window",
     .type = HG_OPTION_SIZE,
     PLACE(session_window),
     .value = "32M",
     .min = 256 << 10,
     .max = INT64_C(4) << 30,
     .doc =
         "Bytes that fast readers of a session share, in each direction. Each stream may always have 12 KiB waiting "
         "for "
         "its reader, whatever the others do; beyond that its window grows with what its path holds, up to half of "
         "what is free of these bytes: to be as fast as the path, one stream needs some three times the path's rate "
         "times its round-trip time where packets get lost, at both ends. A session holds at most this and 12 KiB for "
         "each open stream. It is also what may be kept of the bytes sent until the other end has acknowledged them."},
    {.name = "plugin_dir",
     .type = HG_OPTION_LIST,
     .item = HG_OPTION_PATH,
     PLACE(plugin_dirs),
     .doc = "Folders in which plugins are looked for, after those of --plugin-dir and HOPGATE_PLUGIN_PATH and before "
            "the installed one."},
    {0},
};

bool settings_fill(struct config *config, const struct config_node *root, struct option_memory **memory,
                   struct settings *settings)
{
    const struct option_reading reading = {.config = config, .other_key = SETTINGS_PIPELINE, .memory = memory};
    const struct config_node start = {.line = 1, .column = 1};
    bool good;

    memset(settings, 0, sizeof *settings);
    good = options_fill(&reading, settings_options, root, root ? root : &start, settings);
    settings->log_level += HG_LOG_ERROR;
    return good;
}
