/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A gateway's tokens in one worker: which clients are admitted, and whether those that have a session may keep it. Each
 * worker reads a changed file itself, so that none waits for another.
 */
#include "plugins/auth_token/auth_token.h"
#include "plugins/auth_token/file_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A file that may be incomplete is read once it has not been written to for this long. */
#define SETTLED (500 * HG_MILLISECOND)

struct gateway {
    struct hg_worker *worker;
    struct tokens *tokens;
    struct stat seen; /* of the file when last examined, even if it was not used: errors are logged only once */
    struct watch *watch;
    struct hg_io *io;
    struct hg_timer *timer; /* to check again, or to call `changed` */
    bool renewed;           /* `changed` has to be called */
    void (*changed)(void *arg);
    void *arg;
};

/* The owner of an identity: the line that admitted a client. */
struct grant {
    struct hg_buffer owner; /* first, so that pointers to both can be cast */
    struct tokens *tokens;  /* a counted reference */
    const struct tokens_entry *entry;
};

/* ---- Reloading the file ---- */

static void log_fault(void *arg, const char *text)
{
    hg_log(arg, HG_LOG_ERROR, "%s", text);
}

static const char *path_of(const struct gateway *gateway)
{
    return ((const struct config *)gateway->worker->cfg)->file;
}

/* A file with errors changes nothing, so that a mistake while editing locks nobody out. */
static void reload(struct gateway *gateway)
{
    const struct hg_instance *instance = gateway->worker->instance;
    struct tokens *tokens;

    if (stat(path_of(gateway), &gateway->seen))
        memset(&gateway->seen, 0, sizeof gateway->seen);
    tokens = tokens_load(path_of(gateway), log_fault, gateway->worker->instance);
    if (!tokens) {
        hg_log(instance, HG_LOG_ERROR, "cannot use %s; the previous tokens stay valid", path_of(gateway));
        return;
    }
    hg_buffer_unref(&gateway->tokens->owner);
    gateway->tokens = tokens;
    gateway->seen = tokens->file;
    hg_log(instance, HG_LOG_INFO, "reloaded %s: %zu token%s", path_of(gateway), tokens->count,
           tokens->count == 1 ? "" : "s");
    gateway->renewed = true;
    hg_timer_set(gateway->worker->host, gateway->timer, 0);
}

/* Whether nobody appears to be writing to it. A file that is missing, or from the future, is unlikely to change
 * soon. */
static bool is_settled(const char *path)
{
    struct timespec now;
    struct stat file;
    int64_t age;

    if (stat(path, &file) || clock_gettime(CLOCK_REALTIME, &now))
        return true;
    age = (int64_t)(now.tv_sec - file.st_mtim.tv_sec) * (int64_t)HG_SECOND + now.tv_nsec - file.st_mtim.tv_nsec;
    return age < 0 || age >= (int64_t)SETTLED;
}

/* Reads the file if it has changed; `is_complete`: writing is finished. */
static void refresh(struct gateway *gateway, bool is_complete)
{
    if (!tokens_differ(&gateway->seen, path_of(gateway)))
        return;
    if (is_complete || is_settled(path_of(gateway)))
        reload(gateway);
    else if (!gateway->renewed)
        hg_timer_set(gateway->worker->host, gateway->timer, SETTLED);
}

static void take_news(struct gateway *gateway)
{
    enum watch_news news = gateway->watch ? watch_read(gateway->watch) : WATCH_NOTHING;

    if (news)
        refresh(gateway, news == WATCH_COMPLETE);
}

static void on_news(void *arg, int events)
{
    (void)events;
    take_news(arg);
}

static void on_timer(void *arg)
{
    struct gateway *gateway = arg;
    bool renewed = gateway->renewed;

    gateway->renewed = false;
    refresh(gateway, false);
    if (renewed && gateway->changed)
        gateway->changed(gateway->arg);
}

/* ---- Start and stop ---- */

static void stop_watching(struct gateway *gateway)
{
    hg_io_free(gateway->worker->host, gateway->io);
    watch_free(gateway->watch);
    gateway->io = NULL;
    gateway->watch = NULL;
}

/* If it cannot be watched, the file is checked each time a client opens a link. */
static void start_watching(struct gateway *gateway)
{
    gateway->watch = watch_new(path_of(gateway));
    if (gateway->watch)
        gateway->io = hg_io_new(gateway->worker, watch_fd(gateway->watch), on_news, gateway);
    if (gateway->io) {
        hg_io_set(gateway->worker->host, gateway->io, HG_READ);
        return;
    }
    hg_log(gateway->worker->instance, HG_LOG_WARNING, "cannot watch %s: %s; send SIGHUP after changes",
           path_of(gateway), strerror(errno));
    stop_watching(gateway);
}

int gateway_start(struct hg_worker *worker)
{
    struct tokens *tokens = worker->instance->state;
    struct gateway *gateway;

    if (!tokens)
        return 0;
    gateway = calloc(1, sizeof *gateway);
    if (gateway)
        gateway->timer = hg_timer_new(worker, on_timer, gateway);
    if (!gateway || !gateway->timer) {
        hg_log(worker->instance, HG_LOG_ERROR, "out of memory");
        free(gateway);
        return -1;
    }
    hg_buffer_ref(&tokens->owner);
    gateway->worker = worker;
    gateway->tokens = tokens;
    gateway->seen = tokens->file;
    worker->state = gateway;
    start_watching(gateway);
    return 0;
}

void gateway_stop(struct hg_worker *worker)
{
    struct gateway *gateway = worker->state;

    if (!gateway)
        return;
    stop_watching(gateway);
    hg_timer_free(worker->host, gateway->timer);
    hg_buffer_unref(&gateway->tokens->owner);
    free(gateway);
    worker->state = NULL;
}

void gateway_reread(struct hg_worker *worker)
{
    struct gateway *gateway = worker->state;

    if (!gateway)
        return;
    stop_watching(gateway);
    start_watching(gateway);
    reload(gateway);
}

/* ---- Admission ---- */

static void grant_release(struct hg_buffer *owner)
{
    struct grant *grant = (struct grant *)owner;

    hg_buffer_unref(&grant->tokens->owner);
    free(grant);
}

/* Fills the identity for a line. Returns 0, or -1 when out of memory. */
static int make_grant(const struct gateway *gateway, const struct tokens_entry *entry, struct hg_identity *identity)
{
    struct grant *grant = calloc(1, sizeof *grant);

    if (!grant)
        return -1;
    atomic_init(&grant->owner.refs, 1);
    grant->owner.release = grant_release;
    hg_buffer_ref(&gateway->tokens->owner);
    grant->tokens = gateway->tokens;
    grant->entry = entry;
    memset(identity, 0, sizeof *identity);
    strcpy(identity->id, entry->id);
    identity->services = entry->services;
    identity->owner = &grant->owner;
    return 0;
}

static struct hg_text text_member(const json_t *object, const char *name)
{
    const json_t *member = json_object_get(object, name);

    return (struct hg_text){json_string_value(member), json_string_length(member)};
}

static void refuse(const struct hg_worker *provider, struct hg_text peer, const char *why)
{
    char source[80];

    snprintf(source, sizeof source, "%.*s", HG_PRINT(peer));
    hg_log_limited(provider->instance, HG_LOG_WARNING, source, "session refused for %s: %s", source, why);
}

enum hg_verify gateway_verify(struct hg_worker *provider, const json_t *credentials, struct hg_text peer,
                              struct hg_verification *verification)
{
    const struct hg_text id = text_member(credentials, "id"), token = text_member(credentials, "token");
    struct gateway *gateway = provider->state;
    const struct tokens_entry *entry;
    char why[HG_IDENTITY_MAX + 32];

    verification->reason = "no such id and token";
    if (!gateway) /* the instance of a client has no tokens */
        return HG_VERIFY_REFUSED;
    if (!tokens_is_name(id) || !token.size || token.size > AUTH_TOKEN_MAX) {
        refuse(provider, peer, "its credentials contain no id and token");
        return HG_VERIFY_REFUSED;
    }
    if (token.size < AUTH_TOKEN_MIN) {
        snprintf(why, sizeof why, "its token has fewer than %d characters", AUTH_TOKEN_MIN);
        refuse(provider, peer, why);
        return HG_VERIFY_REFUSED;
    }
    /* So a client that was added a moment ago is admitted. The file is also checked in case the kernel reports nothing,
     * as when another machine changes it on a shared file system. */
    take_news(gateway);
    refresh(gateway, false);
    entry = tokens_find(gateway->tokens, id, token);
    if (!entry) {
        snprintf(why, sizeof why, "no such token for \"%.*s\"", HG_PRINT(id));
        refuse(provider, peer, why);
        return HG_VERIFY_REFUSED;
    }
    if (make_grant(gateway, entry, &verification->identity)) {
        verification->reason = "out of memory";
        refuse(provider, peer, verification->reason);
        return HG_VERIFY_REFUSED;
    }
    return HG_VERIFY_GRANTED;
}

void gateway_watch(struct hg_worker *provider, void (*changed)(void *arg), void *arg)
{
    struct gateway *gateway = provider->state;

    if (!gateway)
        return;
    gateway->changed = changed;
    gateway->arg = arg;
}

int gateway_review(struct hg_worker *provider, struct hg_identity *identity, const char **reason)
{
    const struct gateway *gateway = provider->state;
    struct grant *grant = (struct grant *)identity->owner;
    const struct tokens_entry *entry;

    if (grant->tokens == gateway->tokens)
        return 0;
    entry = tokens_find_again(gateway->tokens, grant->entry);
    *reason = entry ? "out of memory" : "its token was removed";
    if (!entry || make_grant(gateway, entry, identity))
        return -1;
    hg_buffer_unref(&grant->owner);
    return 0;
}
