/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/link.h"

#include "core/reason.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Links of a worker. One costs its transport some 15 KB even before anybody has authenticated. */
#define LINKS_MAX 65536
/* Packets that one link may send in one turn of the loop, so that others get theirs. */
#define PACKETS_PER_TURN 512
/* A client that is owed an answer for three probe timeouts looks for another link (RFC 9002 section 6.2.1), but not
 * sooner or later than this. On a byte link it is TCP that repairs losses, which takes it longer. */
#define PATIENCE_LEAST          (500 * HG_MILLISECOND)
#define PATIENCE_LEAST_RELIABLE (2 * HG_SECOND)
#define PATIENCE_MOST           (10 * HG_SECOND)
/* Between two looks at a peer that owes an answer: time enough for what has arrived to be read. */
#define SECOND_LOOK (20 * HG_MILLISECOND)
/* While the transport takes no packets, the tunnel's timer cannot do anything useful more often than this. */
#define BLOCKED_TICK (5 * HG_MILLISECOND)

static struct hg_worker *core_of(const struct hg_link *link)
{
    return &link->sessions->worker->core;
}

/* ---- Life ---- */

static void on_timer(void *arg);

struct hg_link *link_new(struct sessions *sessions, struct hg_worker *transport, hg_time check_at)
{
    const struct instance *instance = (const struct instance *)transport->instance;
    struct hg_link *link;

    if (sessions->link_count >= LINKS_MAX)
        return NULL;
    link = calloc(1, sizeof *link);
    if (!link)
        return NULL;
    link->timer = hg_timer_new(&sessions->worker->core, on_timer, link);
    if (!link->timer) {
        free(link);
        return NULL;
    }
    link->sessions = sessions;
    link->transport = transport;
    link->ops = &instance->plugin->transport;
    link->state = LINK_HANDSHAKE;
    link->next = sessions->links;
    link->previous = &sessions->links;
    if (link->next)
        link->next->previous = &link->next;
    sessions->links = link;
    sessions->link_count++;
    link_check_at(link, check_at);
    return link;
}

static void unqueue(struct hg_link *link)
{
    struct hg_link **place = &link->sessions->flush;

    if (!link->is_queued)
        return;
    while (*place != link)
        place = &(*place)->next_flush;
    *place = link->next_flush;
    if (!*place)
        link->sessions->flush_tail = place;
    link->is_queued = false;
}

void link_free(struct hg_link *link)
{
    if (link->handle)
        link->ops->close(link->handle, !link->dead);
    else if (link->is_connecting)
        link->ops->cancel(link->transport, link);
    unqueue(link);
    *link->previous = link->next;
    if (link->next)
        link->next->previous = link->previous;
    link->sessions->link_count--;
    hg_timer_free(link->transport->host, link->timer);
    tn_link_free(link->tn);
    free(link->refused_packet);
    free(link);
}

/* ---- Sending ---- */

void link_queue(struct hg_link *link)
{
    struct sessions *sessions = link->sessions;

    if (link->is_queued)
        return;
    link->is_queued = true;
    link->next_flush = NULL;
    *sessions->flush_tail = link;
    sessions->flush_tail = &link->next_flush;
}

/* Gives a packet to the transport. */
static int hand_over(struct hg_link *link, const uint8_t *packet, size_t size, bool is_probe)
{
    return is_probe ? link->ops->probe(link->handle, packet, size) : link->ops->send(link->handle, packet, size);
}

/* Keeps a packet that the transport did not take: the tunnel counts it as sent. */
static void keep_refused(struct hg_link *link, uint64_t number, size_t size, bool is_probe)
{
    link->blocked = true;
    link->refused_probe = is_probe;
    link->refused_packet = malloc(size);
    /* Without memory the packet is lost; only on a byte link is that beyond repair. */
    if (!link->refused_packet) {
        if (link->ops->flags & HG_TRANSPORT_RELIABLE)
            link_close(link, TN_INTERNAL_ERROR, "out of memory");
        return;
    }
    memcpy(link->refused_packet, link->sessions->packet, size);
    link->refused_size = size;
    link->refused_number = number;
}

/* Sends the packet that was not taken before. False when it still is not. */
static bool send_refused(struct hg_link *link)
{
    /* A record of another kind that was sent meanwhile has taken the number: the packet counts as lost. */
    bool stale = link->ops->next_packet_number(link->handle) != link->refused_number;

    if (!stale && hand_over(link, link->refused_packet, link->refused_size, link->refused_probe)) {
        link->blocked = true;
        return false;
    }
    free(link->refused_packet);
    link->refused_packet = NULL;
    return true;
}

/* Builds packets until the tunnel has no more to send, the transport takes no more or the turn is used up. Returns
 * whether there is more. */
static bool send_packets(struct hg_link *link)
{
    hg_time now = hg_now(core_of(link));
    uint8_t *packet = link->sessions->packet;

    if (link->refused_packet && !send_refused(link))
        return false;
    for (unsigned i = 0; i < PACKETS_PER_TURN && link->handle; i++) {
        uint64_t number = link->ops->next_packet_number(link->handle);
        size_t size = tn_link_send(link->tn, now, number, packet, TN_PACKET_MAX);
        bool is_probe = size > tn_link_packet_size(link->tn);

        if (!size)
            return false;
        ++*link->sessions->packets_sent;
        if (hand_over(link, packet, size, is_probe)) {
            keep_refused(link, number, size, is_probe);
            return false;
        }
    }
    return true;
}

static void set_timer(struct hg_link *link, bool more)
{
    hg_time now = hg_now(core_of(link));
    hg_time deadline = link->tn ? tn_link_deadline(link->tn) : TN_TIME_NEVER;

    if (more)
        deadline = now;
    if (link->blocked && deadline < now + BLOCKED_TICK)
        deadline = now + BLOCKED_TICK;
    if (deadline > link->check_at)
        deadline = link->check_at;
    if (deadline == TN_TIME_NEVER)
        hg_timer_stop(link->transport->host, link->timer);
    else
        hg_timer_set(link->transport->host, link->timer, deadline > now ? deadline - now : 0);
}

/* Tells the peer, once. A link that its transport does not take this packet on is told by the transport's goodbye. */
static void say_close(struct hg_link *link)
{
    uint64_t number = link->ops->next_packet_number(link->handle);
    size_t size;

    tn_link_close(link->tn, link->close_code, link->reason);
    size = tn_link_send(link->tn, hg_now(core_of(link)), number, link->sessions->packet, TN_PACKET_MAX);
    if (size && !link->ops->send(link->handle, link->sessions->packet, size))
        link->ops->flush(link->handle);
}

static void end(struct hg_link *link)
{
    struct session *session = link->session;
    bool over = link->session_over;

    if (link->handle && link->tn && !link->dead && !link->is_closed && !link->refused_packet)
        say_close(link);
    link->session = NULL;
    tn_link_free(link->tn);
    link->tn = NULL;
    if (session)
        session_link_lost(session, over, link->reason);
    link->sessions->end->link_ended(link);
    link_free(link);
}

/* ---- Silence ---- */

hg_time link_patience(const struct hg_link *link)
{
    const struct sessions *sessions = link->sessions;
    hg_time least = link->ops->flags & HG_TRANSPORT_RELIABLE ? PATIENCE_LEAST_RELIABLE : PATIENCE_LEAST;
    hg_time dead_after = sessions->worker->pipeline->settings.dead_after;
    struct tn_link_stats stats;
    hg_time patience;

    if (!sessions->connectors)
        return dead_after;
    tn_link_stats(link->tn, &stats);
    patience = 3 * (stats.smoothed_rtt + 4 * stats.rtt_variance);
    patience = patience > least ? patience : least;
    patience = patience < PATIENCE_MOST ? patience : PATIENCE_MOST;
    return patience < dead_after ? patience : dead_after;
}

hg_time link_unanswered_for(const struct hg_link *link)
{
    hg_time now = hg_now(core_of(link));
    struct tn_link_stats stats;

    tn_link_stats(link->tn, &stats);
    return stats.unanswered_since < now ? now - stats.unanswered_since : 0;
}

bool link_is_overdue(struct hg_link *link, hg_time patience)
{
    hg_time now = hg_now(core_of(link));

    if (link_unanswered_for(link) < patience) {
        link->overdue_at = 0;
        return false;
    }
    if (!link->overdue_at)
        link->overdue_at = now;
    if (now >= link->overdue_at + SECOND_LOOK)
        return true;
    link_check_at(link, link->overdue_at + SECOND_LOOK);
    return false;
}

void link_died(struct hg_link *link)
{
    link->dead = true;
    link_close(link, TN_NO_ERROR, "nothing was heard from %s for too long", link->peer);
}

/* Packets may have left that the peer has to answer: the check must not come later than its time for that is up. */
static void expect_answer(struct hg_link *link)
{
    struct tn_link_stats stats;
    hg_time due;

    if (link->state != LINK_ACTIVE)
        return;
    tn_link_stats(link->tn, &stats);
    if (stats.unanswered_since == TN_TIME_NEVER || link->overdue_at)
        return;
    due = stats.unanswered_since + link_patience(link);
    if (link->check_at > due)
        link->check_at = due;
}

/* Path MTU probing has found another size. */
static void tell_packet_size(struct hg_link *link)
{
    const struct hg_instance *core = core_of(link)->instance;
    size_t size = tn_link_packet_size(link->tn);

    if (size < link->packet_size)
        hg_log(core, HG_LOG_INFO, "the path to %s carries packets of %zu bytes only, no longer %zu", link->peer, size,
               link->packet_size);
    else if (size > link->packet_size)
        hg_log(core, HG_LOG_DEBUG, "the path to %s carries packets of %zu bytes", link->peer, size);
    link->packet_size = size;
}

void link_flush(struct hg_link *link)
{
    bool more;

    if (link->state == LINK_CLOSING || link->state == LINK_DOWN) {
        end(link);
        return;
    }
    if (!link->handle)
        return;
    if (link->session)
        session_write(link->session);
    more = !link->blocked && send_packets(link);
    if (link->handle)
        link->ops->flush(link->handle);
    if (link->state == LINK_REFUSED && tn_control_all_acknowledged(link->tn))
        link_close(link, link->close_code, "%s", link->reason);
    /* Sending has made room: those who waited for it may write. */
    if (link->session)
        session_handle_events(link->session);
    if (link->handle)
        expect_answer(link);
    tell_packet_size(link);
    set_timer(link, more);
}

/* Whether a link that ends by this code takes its session with it (docs/protocol.md, section 7). */
static bool ends_session(uint64_t code)
{
    switch (code) {
    case TN_NO_ERROR:
    case TN_INTERNAL_ERROR:
    case TN_LINK_REPLACED:
        return false;
    case TN_CONNECTION_REFUSED:
    case TN_FLOW_CONTROL_ERROR:
    case TN_STREAM_LIMIT_ERROR:
    case TN_STREAM_STATE_ERROR:
    case TN_FINAL_SIZE_ERROR:
    case TN_FRAME_ENCODING_ERROR:
    case TN_PARAMETER_ERROR:
    case TN_PROTOCOL_VIOLATION:
    case TN_CONTROL_BUFFER_EXCEEDED:
    case TN_SESSION_ENDED:
    case TN_SHUTDOWN:
    case TN_CONTROL_ERROR:
        return true;
    default:
        return false; /* as INTERNAL_ERROR */
    }
}

void link_close(struct hg_link *link, uint64_t code, const char *format, ...)
{
    va_list arguments;

    if (link->state == LINK_CLOSING || link->state == LINK_DOWN)
        return;
    if (link->state != LINK_REFUSED) {
        va_start(arguments, format);
        vsnprintf(link->reason, sizeof link->reason, format, arguments);
        va_end(arguments);
        link->close_code = code;
        link->session_over |= ends_session(code);
    }
    link->state = LINK_CLOSING;
    link_queue(link);
}

void link_check_at(struct hg_link *link, hg_time when)
{
    link->check_at = when;
    set_timer(link, false);
}

bool link_say(struct hg_link *link, char *line)
{
    bool said = line && tn_control_write(link->tn, line, strlen(line));

    free(line);
    if (!said)
        link_close(link, TN_INTERNAL_ERROR, "a control message could not be sent");
    link_queue(link);
    return said;
}

/* ---- Receiving ---- */

/* What the tunnel found wrong with a packet or at a deadline. */
static void failed(struct hg_link *link, int code)
{
    char reason[200];

    if (code == TN_DEAD) {
        link_died(link);
        return;
    }
    if (code == TN_CLOSED) {
        link->is_closed = true;
        link->session_over = ends_session(tn_link_close_code(link->tn));
        reason_printable(reason, sizeof reason, tn_link_close_reason(link->tn));
        link_close(link, TN_NO_ERROR, "%s closed the link: %s%s%s", link->peer,
                   tn_error_name(tn_link_close_code(link->tn)), *reason ? ", " : "", reason);
        return;
    }
    hg_log(core_of(link)->instance, HG_LOG_WARNING, "the link with %s is closed: %s: %s", link->peer,
           tn_error_name((uint64_t)code), tn_link_error(link->tn));
    /* A tunnel that ran out of memory has lost track of its streams: that session cannot go on either. */
    link->session_over = true;
    link_close(link, (uint64_t)code, "%s", tn_link_error(link->tn));
}

static void control_failed(struct hg_link *link, const char *error)
{
    hg_log(core_of(link)->instance, HG_LOG_WARNING,
           "the link with %s is closed: a control message cannot be understood: %s", link->peer, error);
    link_close(link, TN_CONTROL_ERROR, "%s", error);
}

static void pong(struct hg_link *link, json_int_t id)
{
    char *line = control_encode_pong(id);

    /* A peer that pings faster than it takes answers gets fewer. */
    if (line)
        tn_control_write(link->tn, line, strlen(line));
    free(line);
}

static void handle_message(struct hg_link *link, const struct control_message *message)
{
    switch (message->type) {
    case CONTROL_PING:
        pong(link, message->id);
        return;
    case CONTROL_PONG:
    case CONTROL_UNKNOWN:
        return;
    case CONTROL_OPEN:
    case CONTROL_ACCEPT:
    case CONTROL_REFUSE:
    case CONTROL_DRAIN:
        link->sessions->end->message(link, message);
        return;
    }
}

static bool is_alive(const struct hg_link *link)
{
    return link->handle && link->state != LINK_CLOSING && link->state != LINK_DOWN;
}

static void read_control(struct hg_link *link)
{
    const char *data, *error, *newline;
    struct control_message message;
    size_t size;

    while (is_alive(link) && (size = tn_control_peek(link->tn, &data)) > 0) {
        newline = memchr(data, '\n', size);
        if (!newline) {
            if (size >= CONTROL_LINE_MAX)
                control_failed(link, "longer than 16384 bytes");
            return;
        }
        if (control_decode(&message, data, (size_t)(newline - data), &error)) {
            control_failed(link, error);
            return;
        }
        tn_control_consume(link->tn, (size_t)(newline - data) + 1);
        /* A refused peer has nothing more to say. */
        if (link->state != LINK_REFUSED)
            handle_message(link, &message);
        control_message_free(&message);
    }
}

static void on_timer(void *arg)
{
    struct hg_link *link = arg;
    hg_time now = hg_now(core_of(link));
    int code;

    if (link->check_at <= now) {
        link->check_at = TN_TIME_NEVER;
        link->sessions->end->check(link);
    }
    if (is_alive(link) && tn_link_deadline(link->tn) <= now) {
        code = tn_link_timeout(link->tn, now);
        if (code)
            failed(link, code);
    }
    if (link->session)
        session_handle_events(link->session);
    link_queue(link);
}

/* ---- What transports tell ---- */

/* What the tunnel can deal with. */
static size_t bound_packet(size_t size)
{
    size = size < TN_PACKET_MAX ? size : TN_PACKET_MAX;
    return size > TN_PACKET_MIN ? size : TN_PACKET_MIN;
}

static void copy_text(char *copy, size_t capacity, struct hg_text text)
{
    snprintf(copy, capacity, "%.*s", HG_PRINT(text));
}

void sessions_link_up(struct hg_link *link, void *handle, const struct hg_link_info *info)
{
    const struct settings *settings = &link->sessions->worker->pipeline->settings;
    struct tn_params params;

    link->handle = handle;
    link->is_connecting = false;
    link_queue(link);
    if (link->state == LINK_CLOSING)
        return;
    link->state = LINK_OPENING;
    link->up_at = hg_now(core_of(link));
    copy_text(link->peer, sizeof link->peer, info->peer);
    copy_text(link->security, sizeof link->security, info->security);
    tn_params_default(&params);
    params.is_client = link->sessions->worker->pipeline->shape == PIPELINE_CLIENT;
    params.reliable = link->ops->flags & HG_TRANSPORT_RELIABLE;
    link->packet_size = params.packet_size = bound_packet(info->max_packet);
    if (link->ops->probe) {
        params.packet_size_max = bound_packet(info->probe_max);
        params.packet_overhead = info->overhead;
    }
    params.congestion = info->congestion == HG_CONGESTION_CUBIC ? TN_CONGESTION_CUBIC : TN_CONGESTION_BBR;
    params.keep_alive = settings->keep_alive;
    /* Found dead by link_is_overdue(), mostly; this is for one that is never sent anything but a PING. */
    params.dead_after = settings->keep_alive + settings->dead_after;
    link->tn = tn_link_new(NULL, &params, link->up_at);
    if (!link->tn)
        link_close(link, TN_INTERNAL_ERROR, "out of memory");
    else
        link->sessions->end->link_up(link);
}

void sessions_link_down(struct hg_link *link, const char *reason)
{
    link->handle = NULL;
    link->is_connecting = false;
    /* What the core has decided before is the better reason. */
    if (link->state != LINK_CLOSING && link->state != LINK_REFUSED)
        snprintf(link->reason, sizeof link->reason, "%s", reason);
    link->state = LINK_DOWN;
    link_queue(link);
}

void sessions_link_packet(struct hg_link *link, uint64_t packet_number, const uint8_t *packet, size_t size)
{
    int code;

    if (!is_alive(link))
        return;
    ++*link->sessions->packets_received;
    code = tn_link_receive(link->tn, hg_now(core_of(link)), packet_number, packet, size);
    if (code)
        failed(link, code);
    else
        read_control(link);
}

/* The session's link has brought packets. */
static void heard(struct hg_link *link)
{
    struct session *session = link->session;

    session_handle_events(session);
    if (!session->confirmed && tn_control_all_acknowledged(link->tn))
        session->confirmed = true;
    if (session->suspect || link->sessions->waiting)
        link->sessions->end->session_answers(session);
}

void sessions_link_batch_end(struct hg_link *link)
{
    if (is_alive(link)) {
        tn_link_batch_end(link->tn, hg_now(core_of(link)));
        if (link->session)
            heard(link);
    }
    link_queue(link);
}

void sessions_link_writable(struct hg_link *link)
{
    link->blocked = false;
    link_queue(link);
}

void sessions_link_set_max_packet(struct hg_link *link, size_t max_packet)
{
    if (link->tn)
        tn_link_set_packet_size(link->tn, bound_packet(max_packet));
    link_queue(link);
}

void sessions_link_set_probe_max(struct hg_link *link, size_t probe_max)
{
    if (link->tn)
        tn_link_set_packet_size_max(link->tn, bound_packet(probe_max));
    link_queue(link);
}
