/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/origin/origin.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

static struct pool *pool_new(struct origin *origin, struct hg_text text)
{
    struct pool *pool = calloc(1, sizeof *pool);
    struct in6_addr address;

    if (!pool)
        return NULL;
    pool->origin = origin;
    pool->is_trusted = !origin->trial_time;
    pool->text = text;
    pool->tail = &pool->waiting;
    if (url_parse(text, &pool->url)) { /* route checks its URLs, but other plugins may set targets, too */
        free(pool);
        return NULL;
    }
    pool->host = strndup(pool->url.host.data, pool->url.host.size);
    if (!pool->host) {
        free(pool);
        return NULL;
    }
    pool->is_literal = inet_pton(AF_INET, pool->host, &address) == 1 || inet_pton(AF_INET6, pool->host, &address) == 1;
    pool->next = origin->pools;
    origin->pools = pool;
    return pool;
}

struct pool *pool_of(struct origin *origin, struct hg_text url)
{
    for (struct pool *pool = origin->pools; pool; pool = pool->next)
        if (hg_text_equal(pool->text, url))
            return pool;
    return pool_new(origin, url);
}

/* ---- Idle connections ---- */

static void push_idle(struct idle_list *list, struct connection *connection)
{
    connection->idle_since = hg_now(connection->origin->worker);
    connection->next = NULL;
    connection->previous = list->last;
    if (list->last)
        list->last->next = connection;
    else
        list->first = connection;
    list->last = connection;
    list->count++;
    connection_set_timer(connection);
}

static void remove_idle(struct idle_list *list, struct connection *connection)
{
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        list->first = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    else
        list->last = connection->previous;
    list->count--;
}

void pool_close_idle(struct pool *pool)
{
    while (pool->idle.first)
        connection_free(pool->idle.first);
    while (pool->owned.first)
        connection_free(pool->owned.first);
    if (pool->trial)
        connection_free(pool->trial);
}

/* ---- Trust ----
 *
 * Some services send more than their responses announce, and the next user would get it as a response; others close a
 * connection without announcing it, and the next POST over it fails. So the first connection of each service is not
 * reused, but watched for a while. Others are kept only if nothing happens to it. */

/* If there were unexpected bytes, the next trial is much later. */
#define DISTRUSTED (600 * HG_SECOND)
#define CLOSES     (10 * HG_SECOND)

bool pool_keeps(const struct pool *pool)
{
    const struct origin *origin = pool->origin;

    return !origin->draining && origin->config->keep_alive && hg_now(origin->worker) >= pool->trial_from;
}

void pool_learn(struct pool *pool, const struct connection *connection, enum unasked unasked)
{
    hg_time now = hg_now(pool->origin->worker);

    if (unasked == UNASKED_BYTES) {
        if (now >= pool->trial_from)
            hg_log(pool->origin->worker->instance, HG_LOG_WARNING,
                   "%.*s sends more than its responses announce; its connections are not reused for ten minutes",
                   HG_PRINT(pool->text));
        pool->is_trusted = false;
        pool->trial_from = now + DISTRUSTED;
    } else if (unasked == UNASKED_END && now - connection->idle_since <= pool->origin->trial_time &&
               now >= pool->trial_from) {
        pool->is_trusted = false;
        pool->trial_from = now + CLOSES;
    }
}

void pool_trial_passed(struct pool *pool)
{
    pool->is_trusted = true;
}

/* The first connection of a service that is not trusted yet is put on trial. */
static void try_or_free(struct pool *pool, struct connection *connection)
{
    if (pool->trial) {
        connection_free(connection);
        return;
    }
    pool->trial = connection;
    connection->state = CONNECTION_ON_TRIAL;
    connection->idle_since = hg_now(pool->origin->worker);
    connection_set_timer(connection);
}

/* ---- Waiting requests ---- */

static struct request *take_waiting(struct pool *pool)
{
    struct request *request = pool->waiting;

    if (request)
        pool_forget(pool, request);
    return request;
}

/* All have the same time limit, so the first one is always the next to expire. */
static void on_timer(void *arg)
{
    struct pool *pool = arg;
    hg_time now = hg_now(pool->origin->worker);

    while (pool->waiting && pool->waiting->waits_until <= now)
        request_fail(take_waiting(pool),
                     &(struct hg_reason){
                         503, "connection_limit_reached",
                         "all connections to the service were in use for longer than origin's queue_timeout", 1});
    if (pool->waiting)
        hg_timer_set(pool->origin->host, pool->timer, pool->waiting->waits_until - now);
}

static void let_wait(struct pool *pool, struct request *request)
{
    struct origin *origin = pool->origin;

    if (!pool->timer)
        pool->timer = hg_timer_new(origin->worker, on_timer, pool);
    if (!pool->timer || pool->waiting_count >= (size_t)origin->config->max_queue) {
        request_fail(request,
                     &(struct hg_reason){503, "connection_limit_reached",
                                         "too many requests are waiting for the service (origin's max_queue)", 1});
        return;
    }
    request->waits_until = hg_now(origin->worker) + origin->config->queue_timeout;
    request->next = NULL;
    request->pointer = pool->tail;
    *pool->tail = request;
    pool->tail = &request->next;
    if (pool->waiting_count++ == 0)
        hg_timer_set(origin->host, pool->timer, origin->config->queue_timeout);
}

void pool_forget(struct pool *pool, struct request *request)
{
    if (!request->pointer)
        return;
    *request->pointer = request->next;
    if (request->next)
        request->next->pointer = request->pointer;
    else
        pool->tail = request->pointer;
    request->pointer = NULL;
    pool->waiting_count--;
    if (!pool->waiting)
        hg_timer_stop(pool->origin->host, pool->timer);
}

/* ---- Assigning connections ---- */

static void open_for(struct pool *pool, struct request *request)
{
    if (connection_open(pool, request))
        request_fail(request, &(struct hg_reason){503, "proxy_internal_error", "out of memory", 1});
}

static void use(struct connection *connection, struct request *request)
{
    ++*connection->origin->connections_reused;
    connection_begin(connection, request);
}

static struct connection *take_owned(struct pool *pool, struct hg_text owner)
{
    for (struct connection *connection = pool->owned.first; connection; connection = connection->next) {
        if (hg_text_equal((struct hg_text){connection->owner, connection->owner_size}, owner)) {
            remove_idle(&pool->owned, connection);
            return connection;
        }
    }
    return NULL;
}

static struct connection *take_idle(struct pool *pool)
{
    struct connection *connection = pool->idle.first;

    if (connection)
        remove_idle(&pool->idle, connection);
    return connection;
}

void pool_assign(struct pool *pool, struct request *request)
{
    const size_t limit = (size_t)pool->origin->config->max_connections;
    struct hg_text owner = request->self->exchange->request->connection;
    struct connection *connection = owner.size ? take_owned(pool, owner) : take_idle(pool);

    if (connection) {
        use(connection, request);
        return;
    }
    if (pool->count >= limit && pool->owned.first) /* no request waits for an owner who may have left */
        connection_free(pool->owned.first);
    if (pool->count < limit)
        open_for(pool, request);
    else
        let_wait(pool, request);
}

static void give_to_owner(struct pool *pool, struct connection *connection)
{
    connection->state = CONNECTION_OWNED;
    push_idle(&pool->owned, connection);
    if (pool->waiting || pool->owned.count > (size_t)pool->origin->config->max_idle) /* as in pool_assign() */
        connection_free(pool->owned.first);
}

void pool_give_back(struct pool *pool, struct connection *connection)
{
    const bool has_room = pool->idle.count < (size_t)pool->origin->config->max_idle;

    if (connection->owner_size && !pool->origin->draining) {
        give_to_owner(pool, connection);
    } else if (connection->owner_size || !pool_keeps(pool)) {
        connection_free(connection);
    } else if (!pool->is_trusted) {
        try_or_free(pool, connection);
    } else if (pool->waiting && !pool->waiting->self->exchange->request->connection.size) {
        connection->idle_since = hg_now(pool->origin->worker);
        use(connection, take_waiting(pool));
    } else if (pool->waiting || !has_room) { /* an owned connection must be a new one */
        connection_free(connection);
    } else {
        connection->state = CONNECTION_IDLE;
        push_idle(&pool->idle, connection);
    }
}

void pool_closed(struct pool *pool, struct connection *connection)
{
    struct request *request;

    if (connection->state == CONNECTION_IDLE)
        remove_idle(&pool->idle, connection);
    if (connection->state == CONNECTION_OWNED)
        remove_idle(&pool->owned, connection);
    if (pool->trial == connection)
        pool->trial = NULL;
    pool->count--;
    request = pool->count < (size_t)pool->origin->config->max_connections ? take_waiting(pool) : NULL;
    if (request)
        open_for(pool, request);
}

void pool_free(struct pool *pool)
{
    pool_close_idle(pool);
    hg_timer_free(pool->origin->host, pool->timer);
    free(pool->host);
    free(pool);
}

/* ---- Logging ---- */

void pool_unreachable(struct pool *pool, const char *why)
{
    if (!pool->is_unreachable)
        hg_log(pool->origin->worker->instance, HG_LOG_WARNING, "cannot connect to %.*s: %s", HG_PRINT(pool->text), why);
    pool->is_unreachable = true;
}

void pool_reachable(struct pool *pool)
{
    if (pool->is_unreachable)
        hg_log(pool->origin->worker->instance, HG_LOG_INFO, "%.*s is reachable again", HG_PRINT(pool->text));
    pool->is_unreachable = false;
}

void pool_tolerated(struct pool *pool, const char *rule)
{
    size_t i = 0;

    ++*pool->origin->responses_tolerated;
    while (i < TOLERATED_RULES && pool->tolerated[i] && pool->tolerated[i] != rule)
        i++;
    if (i == TOLERATED_RULES || pool->tolerated[i])
        return;
    pool->tolerated[i] = rule;
    hg_log(pool->origin->worker->instance, HG_LOG_WARNING,
           "a response from %.*s violates HTTP: %s; it is passed on, and further ones are only counted",
           HG_PRINT(pool->text), rule);
}
