/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The table of host services: the implementation of each function in <hopgate/host.h>.
 */
#include "core/base/buffer.h"
#include "core/base/failure.h"
#include "core/base/log.h"
#include "core/base/message.h"
#include "core/exchange/exchange.h"
#include "core/loop/resolve.h"
#include "core/pipeline/listen.h"
#include "core/session/session_table.h"
#include "core/worker/worker.h"

#include <pwd.h>

static void host_log(const struct hg_instance *instance, enum hg_level level, const char *format, va_list arguments)
{
    log_vline(level, instance->name, format, arguments);
}

static bool host_log_enabled(const struct hg_instance *instance, enum hg_level level)
{
    (void)instance;
    return log_enabled(level);
}

static void host_log_limited(const struct hg_instance *instance, enum hg_level level, const char *source,
                             const char *format, va_list arguments)
{
    log_vlimited(level, instance->name, source, format, arguments);
}

static void host_log_failure(struct hg_worker *worker, const struct hg_head *request, struct hg_text user,
                             const struct hg_reason *reason)
{
    failure_log(&(struct failure){.part = worker->instance->name, .request = request, .user = user, .reason = reason});
}

/* The plugin whose callback is passed to a service, for core/base/fatal.h. NULL: the core, which has no plugin. */
static const char *plugin_of(const struct hg_worker *worker)
{
    return ((const struct instance *)worker->instance)->plugin ? worker->instance->name : NULL;
}

static hg_time host_now(struct hg_worker *worker)
{
    return loop_now(loop_of(worker));
}

static struct hg_timer *host_timer_new(struct hg_worker *worker, hg_callback callback, void *arg)
{
    return loop_timer_new(loop_of(worker), plugin_of(worker), callback, arg);
}

static struct hg_io *host_io_new(struct hg_worker *worker, int fd, hg_io_callback callback, void *arg)
{
    return loop_io_new(loop_of(worker), plugin_of(worker), fd, callback, arg);
}

static void host_defer(struct hg_worker *worker, struct hg_call *call)
{
    loop_defer(loop_of(worker), plugin_of(worker), call);
}

static void host_post(struct hg_worker *worker, struct hg_call *call)
{
    loop_post(loop_of(worker), plugin_of(worker), call);
}

static void host_post_cancel(struct hg_worker *worker, struct hg_call *call)
{
    loop_post_cancel(loop_of(worker), call);
}

static struct hg_resolution *host_resolve(struct hg_worker *worker, const char *host, uint16_t port,
                                          hg_resolved callback, void *arg)
{
    return resolve_start(loop_of(worker), plugin_of(worker), host, port, callback, arg);
}

/* The user named in the config file, if the system has one of that name. */
static bool host_run_as(const struct hg_instance *instance, uid_t *user, gid_t *group)
{
    const char *name = ((const struct instance *)instance)->pipeline->settings.user;
    const struct passwd *found = name ? getpwnam(name) : NULL;

    if (!found)
        return false;
    *user = found->pw_uid;
    *group = found->pw_gid;
    return true;
}

static struct hg_self *host_exchange_open(struct hg_worker *edge, struct hg_head *request, void *state)
{
    struct worker *worker = worker_of(edge);
    const struct instance *instance = (const struct instance *)edge->instance;

    return exchange_open(&worker->exchanges, &worker->exchanges.tops[instance->index], request, state);
}

static struct hg_link *host_link_accept(struct hg_worker *transport)
{
    return sessions_link_accept(worker_of(transport)->sessions, transport);
}

static bool host_target_served(struct hg_worker *worker, const struct hg_target *target)
{
    const struct sessions *sessions = worker_of(worker)->sessions;

    return sessions && sessions_target_served(sessions, target);
}

const struct hg_host worker_host = {
    .log = host_log,
    .log_enabled = host_log_enabled,
    .log_limited = host_log_limited,
    .log_failure = host_log_failure,
    .config_error = pipeline_config_error,
    .buffer_new = buffer_new,
    .head_new = message_head_new,
    .head_free = message_head_free,
    .fields_new = message_fields_new,
    .fields_free = message_fields_free,
    .head_set = message_head_set,
    .field_add = message_field_add,
    .field_remove = message_field_remove,
    .now = host_now,
    .timer_new = host_timer_new,
    .timer_set = loop_timer_set,
    .timer_stop = loop_timer_stop,
    .timer_free = loop_timer_free,
    .io_new = host_io_new,
    .io_set = loop_io_set,
    .io_free = loop_io_free,
    .defer = host_defer,
    .post = host_post,
    .post_cancel = host_post_cancel,
    .sibling = worker_sibling,
    .listen = listen_bind,
    .listener_fds = listen_fds,
    .listener_sockets = listen_sockets,
    .link_check = sessions_link_check,
    .link_renew = sessions_link_renew,
    .networks_match = networks_match,
    .resolve = host_resolve,
    .resolve_cancel = resolve_cancel,
    .capability = pipeline_capability,
    .worker_of = worker_instance_of,
    .metric = worker_metric,
    .metrics_read = worker_metrics_read,
    .config_warning = pipeline_config_warning,
    .reads_file = pipeline_reads_file,
    .end = pipeline_end,
    .exchange_open = host_exchange_open,
    .emit_head = exchange_emit_head,
    .emit = exchange_emit,
    .emit_end = exchange_emit_end,
    .flush = exchange_flush,
    .credit = exchange_credit,
    .resume = exchange_resume,
    .reset = exchange_reset,
    .set_target = exchange_set_target,
    .set_service = exchange_set_service,
    .set_tls = exchange_set_tls,
    .break_off = exchange_break,
    .link_accept = host_link_accept,
    .link_up = sessions_link_up,
    .link_down = sessions_link_down,
    .link_packet = sessions_link_packet,
    .link_batch_end = sessions_link_batch_end,
    .link_writable = sessions_link_writable,
    .link_set_max_packet = sessions_link_set_max_packet,
    .target_served = host_target_served,
    .run_as = host_run_as,
    .link_set_probe_max = sessions_link_set_probe_max,
    .finish = worker_finish,
};

struct pipeline *worker_load_pipeline(const char *path, struct plugins *plugins, FILE *errors)
{
    return pipeline_load(path, plugins, &worker_host, errors);
}
