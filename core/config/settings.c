/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/config/settings.h"

#include <hopgate/host.h>

static const char *const log_formats[] = {"auto", "text", "json", NULL};             /* enum log_format */
static const char *const log_levels[] = {"error", "warning", "info", "debug", NULL}; /* enum hg_level, minus one */

#define PLACE(member) .offset = offsetof(struct settings, member)

const struct hg_option settings_options[] = {
    {.name = "user",
     .type = HG_OPTION_STRING,
     PLACE(user),
     .doc = "The user to run as once all sockets are bound, if hopgate is started as root. This user must be able to "
            "read files that are read again when they change, such as keys and tokens."},
    {.name = "log",
     .type = HG_OPTION_ENUM,
     PLACE(log),
     .value = "auto",
     .choices = log_formats,
     .doc = "The log format; auto means text on a terminal and JSON elsewhere."},
    {.name = "log_level",
     .type = HG_OPTION_ENUM,
     PLACE(log_level),
     .value = "info",
     .choices = log_levels,
     .doc = "Log messages of this level and above."},
    {.name = "stop_timeout",
     .type = HG_OPTION_DURATION,
     PLACE(stop_timeout),
     .value = "10s",
     .min = 0,
     .max = (int64_t)(3600 * HG_SECOND),
     .doc = "How long requests in progress may take to complete after SIGTERM."},
    {.name = "exchange_buffer",
     .type = HG_OPTION_SIZE,
     PLACE(exchange_buffer),
     .value = "64k",
     .min = 16 << 10,
     .max = 16 << 20,
     .doc = "How many bytes each stage may buffer for a request, in each direction."},
    {.name = "keep_alive",
     .type = HG_OPTION_DURATION,
     PLACE(keep_alive),
     .value = "15s",
     .min = (int64_t)(100 * HG_MILLISECOND),
     .max = (int64_t)(60 * HG_SECOND),
     .doc = "How long a link may be idle before hopgate checks that the peer is still there. NAT devices forget idle "
            "UDP flows after 30 seconds or more. A client also checks when the machine has been suspended and when "
            "its addresses or routes change."},
    {.name = "dead_after",
     .type = HG_OPTION_DURATION,
     PLACE(dead_after),
     .value = "10s",
     .min = (int64_t)(200 * HG_MILLISECOND),
     .max = (int64_t)(19 * HG_SECOND),
     .doc = "How long a peer may go without acknowledging data before the link is closed. A client tries to open "
            "another link long before that. The peer of an idle link, which is checked after `keep_alive`, has at most "
            "4s to respond, so by default a dead peer is detected in less than 20 seconds."},
    {.name = "resume_timeout",
     .type = HG_OPTION_DURATION,
     PLACE(resume_timeout),
     .value = "60s",
     .min = 0,
     .max = (int64_t)(3600 * HG_SECOND),
     .doc = "How long a session that has lost its link waits for another one, with its requests paused, before it "
            "ends; 0: it does not wait. A gateway cannot tell whether a client was killed or cut off, so requests in "
            "progress at a killed client also wait this long, after up to `dead_after`; new ones fail within 5s. If "
            "another process with the same id answers, such as the restarted client, they end within 3s."},
    {.name = "links",
     .type = HG_OPTION_INTEGER,
     PLACE(links),
     .value = "1",
     .min = 1,
     .max = SETTINGS_LINKS_MAX,
     .doc = "Client: how many links to keep to each gateway. Each has a session of its own, and the gateway "
            "distributes requests among them; if one link fails, the others are unaffected."},
    {.name = "sessions_per_client",
     .type = HG_OPTION_INTEGER,
     PLACE(sessions_per_client),
     .value = "64",
     .min = 1,
     .max = 1024,
     .doc =
         "Gateway: the maximum number of sessions for a client id, counting all processes that use it. When the limit "
         "is reached, a new session replaces one without a link or is refused."},
    {.name = "sessions_per_process",
     .type = HG_OPTION_INTEGER,
     PLACE(sessions_per_process),
     .value = "16",
     .min = 1,
     .max = 1024,
     .doc = "Gateway: the maximum number of sessions for one client process. It needs one for each of its `links`, and "
            "twice as many while the gateway drains."},
    {.name = "head_start",
     .type = HG_OPTION_DURATION,
     PLACE(head_start),
     .value = "300ms",
     .min = 0,
     .max = (int64_t)(10 * HG_SECOND),
     .doc = "Client: how long a transport may try to connect before the next one in the pipeline tries as well; the "
            "first to succeed is used (RFC 8305)."},
    {.name = "probe_interval",
     .type = HG_OPTION_DURATION,
     PLACE(probe_interval),
     .value = "45s",
     .min = (int64_t)(100 * HG_MILLISECOND),
     .max = (int64_t)(3600 * HG_SECOND),
     .doc = "Client: how often to try an earlier transport of the pipeline while a later one is in use, in order to "
            "move back to it. The actual interval is randomized."},
    {.name = "session_window",
     .type = HG_OPTION_SIZE,
     PLACE(session_window),
     .value = "32M",
     .min = 256 << 10,
     .max = INT64_C(4) << 30,
     .doc = "Memory for the unread data of a session, in each direction, shared by all streams. "
            "Each stream can always buffer 12 KiB; beyond that, its window grows with the capacity of the path, up to "
            "half of the free part of this memory. On a path that loses packets, one stream needs about three times "
            "the bandwidth-delay product, at both ends, to use the full bandwidth. A session buffers at most this "
            "much plus 12 KiB for each open stream. The same limit applies to data that was sent and is not yet "
            "acknowledged."},
    {.name = "plugin_dir",
     .type = HG_OPTION_LIST,
     .item = HG_OPTION_PATH,
     PLACE(plugin_dirs),
     .doc = "Directories to search for plugins, after those of --plugin-dir and HOPGATE_PLUGIN_PATH and before the "
            "installed one."},
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
