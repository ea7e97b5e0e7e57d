/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * access_log: a stage that writes a line about each request to a file. An example of what a stage knows in detach(). It
 * includes only installed headers, and is built with `make` in its own folder. Its place is at the top, just below the
 * edge:
 *
 *     - access_log: { file: /var/log/hopgate/access.log }
 *
 * Each line is a JSON object; members that do not apply are omitted.
 */
#define _POSIX_C_SOURCE 200809L /* for open(), gmtime_r() and others, which -std=c11 alone hides */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <hopgate/host.h>
#include <hopgate/plugin.h>
#include <hopgate/stage.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct config {
    const char *file;
};

static const struct hg_option options[] = {
    {.name = "file",
     .type = HG_OPTION_PATH,
     .flags = HG_OPTION_REQUIRED,
     .offset = offsetof(struct config, file),
     .doc = "The file to append lines to."},
    {0},
};

/* The state of one worker: worker->state. */
struct access_log {
    int fd;
};

/* ---- One line ---- */

#define LINE_SIZE 2048

struct line {
    char text[LINE_SIZE];
    size_t size; /* always leaves room for the end of the line */
};

static void put(struct line *line, const char *text, size_t size)
{
    if (size > LINE_SIZE - 3 - line->size)
        return; /* omit this member: the line is still a valid object */
    memcpy(line->text + line->size, text, size);
    line->size += size;
}

static void put_name(struct line *line, const char *name)
{
    char text[40];
    int size = snprintf(text, sizeof text, "%s\"%s\":", line->size ? "," : "{", name);

    put(line, text, (size_t)size);
}

/* A string that may come from anyone, so characters that JSON does not allow are escaped (RFC 8259 section 7). */
static void put_string(struct line *line, const char *name, struct hg_text value)
{
    char text[6 * 256 + 2];
    size_t used = 0;

    if (!value.size)
        return;
    text[used++] = '"';
    for (size_t i = 0; i < value.size && i < 255; i++) {
        unsigned char byte = (unsigned char)value.data[i];

        if (byte < 0x20 || byte > 0x7e || byte == '"' || byte == '\\')
            used += (size_t)snprintf(text + used, 7, "\\u%04x", byte);
        else
            text[used++] = (char)byte;
    }
    text[used++] = '"';
    if (used + 40 > LINE_SIZE - 3 - line->size)
        return;
    put_name(line, name);
    put(line, text, used);
}

static void put_number(struct line *line, const char *name, uint64_t value)
{
    char text[24];
    int size = snprintf(text, sizeof text, "%llu", (unsigned long long)value);

    if ((size_t)size + 40 > LINE_SIZE - 3 - line->size)
        return;
    put_name(line, name);
    put(line, text, (size_t)size);
}

static void put_time(struct line *line)
{
    time_t now = time(NULL);
    struct tm utc;
    char text[32];

    gmtime_r(&now, &utc);
    put_string(line, "time", (struct hg_text){text, strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc)});
}

/* The user's address without the port. */
static void put_user(struct line *line, const struct hg_sockaddr *user)
{
    const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)&user->address;
    const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)&user->address;
    char text[INET6_ADDRSTRLEN];

    if (!user->size)
        return;
    if (user->address.ss_family == AF_INET)
        inet_ntop(AF_INET, &ipv4->sin_addr, text, sizeof text);
    else
        inet_ntop(AF_INET6, &ipv6->sin6_addr, text, sizeof text);
    put_string(line, "user", hg_text(text));
}

/* ---- The stage ---- */

static void access_log_detach(struct hg_self *self)
{
    const struct access_log *log = self->worker->state;
    const struct hg_exchange *exchange = self->exchange;
    const struct hg_outcome *outcome = exchange->outcome;
    const struct hg_head *request = exchange->request;
    struct line line = {.size = 0};

    put_time(&line);
    put_user(&line, &exchange->user);
    put_string(&line, "request", request->id);
    put_string(&line, "method", request->method);
    put_string(&line, "host", request->authority);
    put_string(&line, "path", request->path);
    if (exchange->tls) {
        put_string(&line, "tls", exchange->tls->version);
        put_string(&line, "cipher", exchange->tls->cipher);
        put_string(&line, "server_name", exchange->tls->server_name);
        put_string(&line, "alpn", exchange->tls->alpn);
    }
    put_string(&line, "client", exchange->target.client);
    put_string(&line, "service", exchange->target.service);
    put_number(&line, "status", (uint64_t)outcome->status);
    put_number(&line, "received", outcome->bytes[HG_DOWN]);
    put_number(&line, "sent", outcome->bytes[HG_UP]);
    if (outcome->first_byte)
        put_number(&line, "first_byte_ms", (outcome->first_byte - exchange->started) / HG_MILLISECOND);
    put_number(&line, "ms", (outcome->ended - exchange->started) / HG_MILLISECOND);
    put_string(&line, "error", hg_text(outcome->error));
    put_string(&line, "detail", hg_text(outcome->detail));
    put_string(&line, "ended_by", hg_text(outcome->ended_by));
    memcpy(line.text + line.size, "}\n", 2);
    if (write(log->fd, line.text, line.size + 2) < 0) /* one call, so that lines of several processes never mix */
        hg_log_limited(self->worker->instance, HG_LOG_WARNING, NULL, "cannot write to the file: %s", strerror(errno));
}

static int access_log_start(struct hg_worker *worker)
{
    const struct config *config = worker->cfg;
    struct access_log *log = calloc(1, sizeof *log);

    worker->state = log;
    if (!log)
        return -1;
    log->fd = open(config->file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (log->fd < 0)
        hg_log(worker->instance, HG_LOG_ERROR, "cannot open %s: %s", config->file, strerror(errno));
    return log->fd < 0 ? -1 : 0;
}

static void access_log_stop(struct hg_worker *worker)
{
    struct access_log *log = worker->state;

    if (log && log->fd >= 0)
        close(log->fd);
    free(log);
}

HG_EXPORT const struct hg_plugin *hopgate_plugin(void)
{
    static const struct hg_stage_ops ops = {
        .events = HG_EVENTS_MESSAGES | HG_EVENTS_UPGRADED,
        .detach = access_log_detach,
    };
    static const struct hg_plugin plugin = {
        .abi = HG_ABI,
        .role = HG_ROLE_STAGE,
        .name = "access_log",
        .version = "1.0",
        .summary = "writes a line about each request to a file",
        .options = options,
        .cfg_size = sizeof(struct config),
        .ops = &ops,
        .worker_start = access_log_start,
        .worker_stop = access_log_stop,
    };

    return &plugin;
}
