/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Why files must be readable by the user that the program becomes, and are not kept accessible in other ways: an open
 * directory does not help, since open() checks the rights of the caller; a capability such as CAP_DAC_READ_SEARCH opens
 * every file of the machine to a program that faces the internet; and a helper that stays root is another program to
 * trust.
 */
#include "core/config/privileges.h"

#include "core/base/log.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    GROUPS_MAX = 1024,
};

/* The user of the systemd units, from etc/sysusers.d, and the name of the folder with their config files. */
static const char unit_user[] = "hopgate";

bool user_check(struct config *config, const struct config_node *at, const char *name)
{
    const struct passwd *user = name ? getpwnam(name) : NULL;

    if (!name)
        return true;
    if (!user)
        config_fault(config, at, "user: unknown user \"%s\"", name);
    else if (geteuid() != 0 && geteuid() != user->pw_uid)
        config_fault(config, at,
                     "user: only root can switch to another user; start hopgate as root or as %s, or remove `user:`",
                     name);
    else
        return true;
    return false;
}

int user_become(const char *name)
{
    const struct passwd *user = name ? getpwnam(name) : NULL;

    if (!name || (user && geteuid() == user->pw_uid))
        return 0;
    if (user && !initgroups(user->pw_name, user->pw_gid) && !setgid(user->pw_gid) && !setuid(user->pw_uid))
        return 0;
    log_line(HG_LOG_ERROR, "core", "cannot switch to user %s: %s", name, user ? strerror(errno) : "no such user");
    return -1;
}

/* ---- What a user can read ---- */

/* Why a user cannot read a file. */
struct obstacle {
    int error;   /* 0: nothing */
    size_t size; /* length of the part of the path that is not accessible: a folder, or the whole path */
};

static struct obstacle look(const char *path)
{
    char folder[4096];
    size_t size = strlen(path);

    for (size_t i = 1; i < size && i < sizeof folder; i++) {
        if (path[i] != '/')
            continue;
        memcpy(folder, path, i);
        folder[i] = '\0';
        if (access(folder, X_OK))
            return (struct obstacle){errno, i};
    }
    return (struct obstacle){access(path, R_OK) ? errno : 0, size};
}

/* Runs in a child process that becomes the user, since mode bits alone do not decide. */
static struct obstacle look_as(const struct passwd *user, const char *path)
{
    struct obstacle found = {0, strlen(path)};
    gid_t groups[GROUPS_MAX];
    int count = GROUPS_MAX, ends[2];
    pid_t child;

    if (getgrouplist(user->pw_name, user->pw_gid, groups, &count) < 0 || pipe(ends))
        return found;
    child = fork();
    if (child == 0) {
        if (!setgroups((size_t)count, groups) && !setgid(user->pw_gid) && !setuid(user->pw_uid)) {
            found = look(path);
            if (write(ends[1], &found, sizeof found) < 0)
                _exit(1);
        }
        _exit(0);
    }
    close(ends[1]);
    if (child > 0 && read(ends[0], &found, sizeof found) != (ssize_t)sizeof found)
        found.error = 0;
    close(ends[0]);
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
    return found;
}

/* Reports each file that `user` cannot read; `again`: only files that are reread later. */
static void check_files(struct config *config, const struct passwd *user, bool again, const char *who,
                        void (*report)(struct config *, const struct config_node *, const char *, ...))
{
    const struct group *group = getgrgid(user->pw_gid);
    char name[64];

    snprintf(name, sizeof name, "%s", group ? group->gr_name : user->pw_name);
    for (const struct config_file *file = config->files; file; file = file->next) {
        struct obstacle obstacle = {0};
        bool folder;

        if (file->again || !again)
            obstacle = user->pw_uid == geteuid() ? look(file->path) : look_as(user, file->path);
        if (obstacle.error != EACCES) /* a missing file is missing for every user, and already reported */
            continue;
        folder = file->path[obstacle.size] == '/';
        report(config, file->at, "%s cannot read %s%s: %s%s%.*s; chgrp %s %.*s && chmod g+%c %.*s", who, file->path,
               again ? " after a change" : "", strerror(obstacle.error), folder ? ": " : "",
               folder ? (int)obstacle.size : 0, file->path, name, (int)obstacle.size, file->path, folder ? 'x' : 'r',
               (int)obstacle.size, file->path);
    }
}

void user_check_files(struct config *config, const char *name)
{
    const struct passwd *user = name && geteuid() == 0 ? getpwnam(name) : NULL;
    char who[128];

    if (!user || user->pw_uid == 0)
        return;
    snprintf(who, sizeof who, "user %.64s, which hopgate switches to,", name);
    check_files(config, user, true, who, config_fault);
}

void user_check_own(struct config *config)
{
    const struct passwd *user = geteuid() != 0 && config->faults ? getpwuid(geteuid()) : NULL;
    char who[128];

    if (!user)
        return;
    snprintf(who, sizeof who, "user %.64s, which this process runs as,", user->pw_name);
    check_files(config, user, false, who, config_warning);
}

/* The systemd units read their config from SYSCONFDIR/hopgate. */
static bool is_in_units_folder(const struct config *config)
{
    const char *slash = strrchr(config->folder, '/');

    return slash && strcmp(slash + 1, unit_user) == 0;
}

void user_check_units(struct config *config)
{
    const struct passwd *user = geteuid() == 0 && is_in_units_folder(config) ? getpwnam(unit_user) : NULL;

    if (user && user->pw_uid != 0)
        check_files(config, user, false, "user hopgate, which the systemd unit runs as,", config_warning);
}
