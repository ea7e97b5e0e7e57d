/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/dtls/association_file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* A record of the file. It lies within one page and is written with one call, so a process that is killed never leaves
 * half a record. The first one holds no path; unused ones are all zero. */
struct record {
    struct dtls_path path;
    uint64_t sum; /* over path and place */
    uint8_t reserved[8];
};
_Static_assert(sizeof(struct record) == 64, "records do not cross pages");

/* Changes whenever the layout does. */
#define MAGIC "hopgate dtls roster 1\n"

struct dtls_roster {
    const struct hg_instance *instance;
    int directory, fd;
    char name[DTLS_PATH_TEXT + 8];
    bool failed;         /* writing failed, and this was logged */
    uint32_t used;       /* places below this have been used at some time */
    uint32_t free_count; /* of `free`: free places below `used` */
    uint32_t *free;      /* allocated for all of them */
    struct dtls_roster_entry *found;
    size_t found_count;
};

/* FNV-1a: it only has to detect torn records, not forged ones. */
static uint64_t sum_of(const struct dtls_path *path, uint32_t place)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325) ^ place;
    uint8_t bytes[sizeof *path];

    memcpy(bytes, path, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
    return sum;
}

/* ---- Writing ---- */

/* The header is before the record of place 0. */
static off_t offset_of(uint32_t place)
{
    return ((off_t)place + 1) * (off_t)sizeof(struct record);
}

static void write_record(struct dtls_roster *roster, off_t offset, const struct record *record)
{
    if (pwrite(roster->fd, record, sizeof *record, offset) == (ssize_t)sizeof *record || roster->failed)
        return;
    roster->failed = true;
    hg_log(roster->instance, HG_LOG_WARNING,
           "cannot store all client addresses (%s); some clients may notice late if this process is killed",
           strerror(errno));
}

uint32_t dtls_roster_add(struct dtls_roster *roster, const struct dtls_path *path)
{
    struct record record = {.path = *path};
    uint32_t place;

    if (!roster)
        return DTLS_ROSTER_NONE;
    if (roster->free_count)
        place = roster->free[--roster->free_count];
    else if (roster->used < DTLS_ROSTER_MAX)
        place = roster->used++;
    else
        return DTLS_ROSTER_NONE;
    record.sum = sum_of(path, place);
    write_record(roster, offset_of(place), &record);
    return place;
}

void dtls_roster_remove(struct dtls_roster *roster, uint32_t place)
{
    static const struct record none;

    if (!roster || place == DTLS_ROSTER_NONE)
        return;
    write_record(roster, offset_of(place), &none);
    roster->free[roster->free_count++] = place;
}

/* ---- Reading ---- */

static bool is_used(const struct record *record)
{
    static const struct record none;

    return memcmp(record, &none, sizeof none) != 0;
}

static bool is_whole(const struct record *record, uint32_t place)
{
    sa_family_t family = record->path.peer.any.sa_family;

    return record->sum == sum_of(&record->path, place) && (family == AF_INET || family == AF_INET6);
}

/* Evaluates one record. Returns false if it is broken. */
static bool take(struct dtls_roster *roster, const struct record *record, uint32_t place)
{
    if (is_used(record) && is_whole(record, place)) {
        roster->found[roster->found_count++] = (struct dtls_roster_entry){record->path, place};
        return true;
    }
    roster->free[roster->free_count++] = place;
    return !is_used(record);
}

static struct record make_head(void)
{
    struct record head = {0};

    memcpy(&head, MAGIC, sizeof MAGIC);
    return head;
}

static void begin_anew(struct dtls_roster *roster)
{
    const struct record head = make_head();

    roster->used = roster->free_count = 0;
    roster->found_count = 0;
    /* If this fails, the writes that follow will report it. */
    if (ftruncate(roster->fd, 0) == 0)
        write_record(roster, 0, &head);
}

/* Reads the whole file. False: it is not one of ours, or is broken. */
static bool read_file(struct dtls_roster *roster, size_t size)
{
    const struct record head = make_head();
    struct record record;
    uint32_t places = (uint32_t)(size / sizeof record) - 1;
    bool whole = true;

    if (pread(roster->fd, &record, sizeof record, 0) != (ssize_t)sizeof record ||
        memcmp(&record, &head, sizeof record) != 0)
        return false;
    roster->found = calloc(places ? places : 1, sizeof *roster->found);
    if (!roster->found)
        return false;
    for (; roster->used < places; roster->used++) {
        if (pread(roster->fd, &record, sizeof record, offset_of(roster->used)) != (ssize_t)sizeof record)
            return false;
        whole &= take(roster, &record, roster->used);
    }
    if (!whole)
        hg_log(roster->instance, HG_LOG_WARNING, "cannot read some client addresses; these clients will notice later");
    return true;
}

static void load(struct dtls_roster *roster)
{
    struct stat state;

    if (fstat(roster->fd, &state) || state.st_size == 0) {
        begin_anew(roster);
        return;
    }
    if (state.st_size >= (off_t)sizeof(struct record) &&
        state.st_size <= (off_t)((DTLS_ROSTER_MAX + 1) * sizeof(struct record)) &&
        read_file(roster, (size_t)state.st_size))
        return;
    hg_log(roster->instance, HG_LOG_WARNING, "cannot read the client addresses; the clients will notice later");
    begin_anew(roster);
}

const struct dtls_roster_entry *dtls_roster_found(const struct dtls_roster *roster, size_t *count)
{
    *count = roster ? roster->found_count : 0;
    return roster ? roster->found : NULL;
}

void dtls_roster_settle(struct dtls_roster *roster)
{
    for (size_t i = 0; i < roster->found_count; i++)
        dtls_roster_remove(roster, roster->found[i].place);
    free(roster->found);
    roster->found = NULL;
    roster->found_count = 0;
}

/* ---- The file ---- */

/* The directory for these files; NULL: none. systemd passes several names separated by colons. */
static const char *choose_folder(char *path, size_t size)
{
    const char *runtime = getenv("RUNTIME_DIRECTORY"), *user = getenv("XDG_RUNTIME_DIR");

    if (runtime && *runtime)
        snprintf(path, size, "%.*s", (int)strcspn(runtime, ":"), runtime);
    else if (geteuid() == 0)
        snprintf(path, size, "/run/hopgate");
    else if (user && *user)
        snprintf(path, size, "%s/hopgate", user);
    else
        return NULL;
    return path;
}

/* The file is named after the address that the socket is bound to. */
static bool print_name(int socket, char *name, size_t size)
{
    struct sockaddr_storage bound;
    socklen_t bound_size = sizeof bound;
    struct dtls_path path;
    char text[DTLS_PATH_TEXT];

    if (getsockname(socket, (struct sockaddr *)&bound, &bound_size))
        return false;
    dtls_path_init(&path, (const struct sockaddr *)&bound);
    snprintf(name, size, "dtls-%s", dtls_path_print(&path, text));
    return true;
}

/* Locks the file. Returns 0, or -1 with errno: EAGAIN if another process holds the lock or has just removed the
 * file. */
static int lock(int fd)
{
    struct stat state;

    if (flock(fd, LOCK_EX | LOCK_NB) || fstat(fd, &state))
        return -1;
    errno = EAGAIN;
    return state.st_nlink ? 0 : -1;
}

/* Returns 0, or -1 with errno. */
static int open_file(struct dtls_roster *roster, const char *folder)
{
    if (mkdir(folder, 0700) && errno != EEXIST)
        return -1;
    roster->directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (roster->directory < 0)
        return -1;
    roster->fd = openat(roster->directory, roster->name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    return roster->fd < 0 ? -1 : lock(roster->fd);
}

static void roster_free(struct dtls_roster *roster)
{
    if (roster->fd >= 0)
        close(roster->fd);
    if (roster->directory >= 0)
        close(roster->directory);
    free(roster->free);
    free(roster->found);
    free(roster);
}

struct dtls_roster *dtls_roster_open(const struct hg_instance *instance, int socket)
{
    char folder[512];
    const char *where = choose_folder(folder, sizeof folder);
    struct dtls_roster *roster = where ? calloc(1, sizeof *roster) : NULL;

    if (!roster)
        return NULL;
    roster->instance = instance;
    roster->directory = roster->fd = -1;
    roster->free = calloc(DTLS_ROSTER_MAX, sizeof *roster->free);
    if (roster->free && print_name(socket, roster->name, sizeof roster->name) && open_file(roster, folder) == 0) {
        load(roster);
        return roster;
    }
    hg_log(instance, HG_LOG_INFO,
           "cannot store client addresses in %s/%s (%s); idle clients will notice late if this process is killed",
           folder, roster->name, strerror(errno));
    roster_free(roster);
    return NULL;
}

void dtls_roster_close(struct dtls_roster *roster)
{
    if (!roster)
        return;
    /* With entries left in it, the next process would send useless hints. If the privileges needed to remove the file
     * have been dropped, an empty file stays. */
    if (ftruncate(roster->fd, 0) || unlinkat(roster->directory, roster->name, 0))
        hg_log(roster->instance, HG_LOG_DEBUG, "cannot remove %s: %s", roster->name, strerror(errno));
    roster_free(roster);
}
