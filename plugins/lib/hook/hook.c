/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/hook/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Longer lines of output are cut off. */
#define LINE_SIZE 256
/* The most lines of one run that are logged. */
#define LINES_MAX 100
/* Read at once, so that a flood leaves the loop time for other events. */
#define READ_SIZE 16384

struct hook {
    struct hg_worker *worker;
    struct hook *next, **place; /* in the caller's list; `place` is NULL if there is none */
    hook_done done;
    void *arg;
    char *program;
    pid_t pid;   /* 0: it could not be started */
    int exit_fd; /* a pidfd: readable when the program has ended */
    int output;  /* the read end of its output; -1: closed */
    bool late;   /* it was killed because of its time limit */
    hg_time timeout;
    struct hg_io *exit_io, *output_io;
    struct hg_timer *timer;
    char line[LINE_SIZE]; /* the current line */
    size_t line_size;
    char last[LINE_SIZE]; /* the last line that was not empty */
    unsigned lines;
    char command[2 * LINE_SIZE]; /* program and arguments, for the log; empty with `done` */
    char error[2 * LINE_SIZE + 4096];
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void hook_free(struct hook *hook)
{
    hg_io_free(hook->worker->host, hook->exit_io);
    hg_io_free(hook->worker->host, hook->output_io);
    hg_timer_free(hook->worker->host, hook->timer);
    close_fd(&hook->exit_fd);
    close_fd(&hook->output);
    if (hook->place)
        *hook->place = hook->next;
    if (hook->place && hook->next)
        hook->next->place = hook->place;
    free(hook->program);
    free(hook);
}

/* ---- Output ---- */

static void end_line(struct hook *hook)
{
    const struct hg_instance *instance = hook->worker->instance;

    hook->line[hook->line_size] = '\0';
    if (hook->line_size)
        memcpy(hook->last, hook->line, hook->line_size + 1);
    hook->lines += hook->line_size > 0;
    if (hook->line_size && hook->lines <= LINES_MAX)
        hg_log(instance, HG_LOG_INFO, "%s: %s", hook->program, hook->line);
    if (hook->line_size && hook->lines == LINES_MAX)
        hg_log(instance, HG_LOG_INFO, "%s: further output is discarded", hook->program);
    hook->line_size = 0;
}

static void take_output(struct hook *hook, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\n')
            end_line(hook);
        else if (hook->line_size < LINE_SIZE - 1)
            hook->line[hook->line_size++] = bytes[i] >= ' ' && bytes[i] < 0x7f ? bytes[i] : '?';
    }
}

/* Reads once. False: there is nothing, for now or for good. */
static bool read_output(struct hook *hook)
{
    char bytes[READ_SIZE];
    ssize_t got = hook->output < 0 ? 0 : read(hook->output, bytes, sizeof bytes);

    if (got > 0)
        take_output(hook, bytes, (size_t)got);
    else if (hook->output >= 0 && (got == 0 || (errno != EAGAIN && errno != EINTR))) {
        hg_io_free(hook->worker->host, hook->output_io);
        hook->output_io = NULL;
        close_fd(&hook->output);
    }
    return got > 0;
}

static void on_output(void *arg, int events)
{
    (void)events;
    read_output(arg);
}

/* ---- End ---- */

static void finish(struct hook *hook, const char *error)
{
    const hook_done done = hook->done;
    void *arg = hook->arg;

    /* Not freed yet, since `error` may point into it. */
    hg_io_free(hook->worker->host, hook->exit_io);
    hook->exit_io = NULL;
    if (done)
        done(arg, error);
    else if (error)
        hg_log(hook->worker->instance, HG_LOG_WARNING, "%s: %s", hook->command, error);
    hook_free(hook);
}

static void describe(struct hook *hook, const siginfo_t *info)
{
    int size = snprintf(hook->error, sizeof hook->error, "%s ", hook->program);
    size_t rest = sizeof hook->error - (size_t)size;
    char *at = hook->error + size;

    if (hook->late)
        size = snprintf(at, rest, "was killed after %g s", (double)hook->timeout / (double)HG_SECOND);
    else if (info->si_code == CLD_EXITED)
        size = snprintf(at, rest, "exited with status %d", info->si_status);
    else
        size = snprintf(at, rest, "was killed by signal %d (%s)", info->si_status, strsignal(info->si_status));
    if (*hook->last)
        snprintf(at + size, rest - (size_t)size, ": %s", hook->last);
}

static void on_exit_of_program(void *arg, int events)
{
    struct hook *hook = arg;
    siginfo_t info = {0};

    (void)events;
    if (waitid(P_PID, (id_t)hook->pid, &info, WEXITED | WNOHANG) || !info.si_pid)
        return;
    hook->pid = 0;
    /* Its own output is complete; that of its children is not waited for. */
    for (int i = 0; i < LINES_MAX && read_output(hook); i++)
        ;
    end_line(hook);
    if (info.si_code == CLD_EXITED && info.si_status == 0 && !hook->late) {
        finish(hook, NULL);
        return;
    }
    describe(hook, &info);
    finish(hook, hook->error);
}

/* The time limit has passed; or the program could not be started, which the caller learns now. */
static void on_timer(void *arg)
{
    struct hook *hook = arg;

    if (!hook->pid) {
        finish(hook, hook->error);
        return;
    }
    hook->late = true;
    kill(-hook->pid, SIGKILL);
}

/* ---- Start ---- */

static size_t count(const char *const *list)
{
    size_t size = 0;

    while (list && list[size])
        size++;
    return size;
}

/* Whether the call sets a variable that this process has. */
static bool is_replaced(const char *variable, const char *const *variables)
{
    size_t name = strcspn(variable, "=") + 1;

    for (; variables && *variables; variables++)
        if (!strncmp(variable, *variables, name))
            return true;
    return false;
}

/* The caller frees both lists, but not what they point to. NULL: out of memory. */
static char **make_arguments(const struct hook_call *call)
{
    char **list = calloc(count(call->arguments) + 2, sizeof *list);

    if (!list)
        return NULL;
    list[0] = (char *)(uintptr_t)call->program;
    for (size_t i = 0; i < count(call->arguments); i++)
        list[i + 1] = (char *)(uintptr_t)call->arguments[i];
    return list;
}

static char **make_environment(const struct hook_call *call)
{
    char **list = calloc(count((const char *const *)environ) + count(call->variables) + 1, sizeof *list);
    size_t size = 0;

    if (!list)
        return NULL;
    for (char **variable = environ; *variable; variable++)
        if (!is_replaced(*variable, call->variables))
            list[size++] = *variable;
    for (size_t i = 0; i < count(call->variables); i++)
        list[size++] = (char *)(uintptr_t)call->variables[i];
    return list;
}

/* Returns 0 or an errno. Resets signals to their defaults, since this process ignores SIGPIPE. */
static int spawn(struct hook *hook, const struct hook_call *call, int output)
{
    char **arguments = make_arguments(call), **environment = make_environment(call);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int result = ENOMEM;

    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    if (arguments && environment && !posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0) &&
        !posix_spawn_file_actions_adddup2(&actions, output, 1) &&
        !posix_spawn_file_actions_adddup2(&actions, output, 2))
        result = posix_spawn(&hook->pid, call->program, &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    free(environment);
    free(arguments);
    return result;
}

/* Kills the program and reaps it; after SIGKILL, that does not take long. */
static void kill_at_once(struct hook *hook)
{
    if (!hook->pid)
        return;
    kill(-hook->pid, SIGKILL);
    waitpid(hook->pid, NULL, 0);
    hook->pid = 0;
}

/* Returns 0 or an errno. */
static int start(struct hook *hook, const struct hook_call *call)
{
    struct hg_worker *worker = hook->worker;
    int fds[2], result;

    if (pipe2(fds, O_CLOEXEC))
        return errno;
    hook->output = fds[0];
    fcntl(hook->output, F_SETFL, O_NONBLOCK); /* only this end */
    result = spawn(hook, call, fds[1]);
    close(fds[1]);
    if (result) {
        hook->pid = 0;
        return result;
    }
    hook->exit_fd = (int)syscall(SYS_pidfd_open, hook->pid, 0);
    if (hook->exit_fd < 0)
        return errno;
    hook->exit_io = hg_io_new(worker, hook->exit_fd, on_exit_of_program, hook);
    hook->output_io = hg_io_new(worker, hook->output, on_output, hook);
    if (!hook->exit_io || !hook->output_io)
        return ENOMEM;
    hg_io_set(worker->host, hook->exit_io, HG_READ);
    hg_io_set(worker->host, hook->output_io, HG_READ);
    return 0;
}

static void join(struct hook *hook, struct hook **list)
{
    hook->next = *list;
    hook->place = list;
    if (hook->next)
        hook->next->place = &hook->next;
    *list = hook;
}

static void print_command(struct hook *hook, const struct hook_call *call)
{
    size_t used = (size_t)snprintf(hook->command, sizeof hook->command, "%s", call->program);

    for (size_t i = 0; i < count(call->arguments) && used < sizeof hook->command; i++)
        used += (size_t)snprintf(hook->command + used, sizeof hook->command - used, " %s", call->arguments[i]);
}

struct hook *hook_run(struct hg_worker *worker, const struct hook_call *call, hook_done done, void *arg)
{
    struct hook *hook = calloc(1, sizeof *hook);
    int error;

    if (!hook)
        return NULL;
    *hook = (struct hook){
        .worker = worker, .done = done, .arg = arg, .exit_fd = -1, .output = -1, .timeout = call->timeout};
    hook->program = strdup(call->program);
    hook->timer = hg_timer_new(worker, on_timer, hook);
    if (!hook->program || !hook->timer) {
        hook_free(hook);
        return NULL;
    }
    if (call->list)
        join(hook, call->list);
    if (!done)
        print_command(hook, call);
    error = start(hook, call);
    if (error) {
        kill_at_once(hook);
        snprintf(hook->error, sizeof hook->error, "cannot run %s: %s", call->program, strerror(error));
    }
    hg_timer_set(worker->host, hook->timer, error ? 0 : call->timeout);
    return hook;
}

void hook_cancel(struct hook *hook)
{
    kill_at_once(hook);
    hook_free(hook);
}

void hook_cancel_all(struct hook **list)
{
    while (*list)
        hook_cancel(*list);
}
