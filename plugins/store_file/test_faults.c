/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Unit tests of the store_file plugin: damaged files, disks that are full, read-only or broken, processes that are
 * killed. The linker replaces functions of the system with those in this file (--wrap).
 */
#include "plugins/store_file/two_stores.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- A failing system ---- */

static atomic_int fsync_error, fsync_spared, read_error; /* this many fsync() calls succeed before the error */
static atomic_int writev_left = -1;                      /* bytes until the disk is full; -1: unlimited */
static atomic_bool fsync_hangs, fsync_stops;
static sem_t fsync_goes_on;

static atomic_int lease_error; /* of opening one; negative: only for writing, as on a read-only disk */

static atomic_bool on_nfs;
static atomic_int inotify_error, inotify_uses;

int __real_fstatfs(int fd, struct statfs *state);
int __wrap_fstatfs(int fd, struct statfs *state);
int __real_inotify_init1(int flags);
int __wrap_inotify_init1(int flags);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
ssize_t __real_writev(int fd, const struct iovec *parts, int count);
ssize_t __wrap_writev(int fd, const struct iovec *parts, int count);
ssize_t __real_read(int fd, void *data, size_t size);
ssize_t __wrap_read(int fd, void *data, size_t size);

int __real_openat(int directory, const char *path, int flags, ...);
int __wrap_openat(int directory, const char *path, int flags, ...);

int __wrap_openat(int directory, const char *path, int flags, ...)
{
    const bool writes = (flags & O_ACCMODE) != O_RDONLY;
    const int error = lease_error;
    mode_t mode = 0;
    va_list rest;

    if (flags & O_CREAT) {
        va_start(rest, flags);
        mode = va_arg(rest, mode_t);
        va_end(rest);
    }
    if (!error || strncmp(path, ".leases/", 8) != 0 || (error < 0 && !writes))
        return __real_openat(directory, path, flags, mode);
    errno = abs(error);
    return -1;
}

int __wrap_fsync(int fd)
{
    if (fsync_hangs)
        sem_wait(&fsync_goes_on);
    if (atomic_exchange(&fsync_stops, false))
        raise(SIGSTOP); /* all threads */
    if (!fsync_error || fsync_spared-- > 0)
        return __real_fsync(fd);
    errno = fsync_error;
    return -1;
}

int __wrap_fstatfs(int fd, struct statfs *state)
{
    const int result = __real_fstatfs(fd, state);

    if (on_nfs)
        state->f_type = 0x6969;
    return result;
}

int __wrap_inotify_init1(int flags)
{
    inotify_uses++;
    if (!inotify_error)
        return __real_inotify_init1(flags);
    errno = inotify_error;
    return -1;
}

ssize_t __wrap_writev(int fd, const struct iovec *parts, int count)
{
    int left = writev_left;
    size_t size = parts[0].iov_len;

    if (left < 0)
        return __real_writev(fd, parts, count);
    if (!left) {
        errno = ENOSPC;
        return -1;
    }
    size = size < (size_t)left ? size : (size_t)left;
    writev_left = left - (int)size;
    return write(fd, parts[0].iov_base, size);
}

/* Only files: the loop's own descriptors are unaffected. */
ssize_t __wrap_read(int fd, void *data, size_t size)
{
    struct stat state;

    if (!read_error || fstat(fd, &state) || !S_ISREG(state.st_mode))
        return __real_read(fd, data, size);
    errno = read_error;
    return -1;
}

/* ---- Damaged files ---- */

static void damage(const char *name, const char *how)
{
    char path[128], command[300];

    snprintf(path, sizeof path, "%s/%s", one.path, name);
    snprintf(command, sizeof command, how, path);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(damaged_values_are_put_aside_and_never_served)
{
    static const char *const ways[] = {
        "truncate -s 0 %s",     "truncate -s -1 %s",        "truncate -s 40 %s",
        "truncate -s +4096 %s", "sed -i s/value/walue/ %s", "sed -i 1d %s",
        "echo garbage > %s",    "ln -sf /etc/passwd %s",    "truncate -s 2M %s",
    };
    unsigned count = 0;

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        const struct test_answer *answer;

        test_put_ok(&one, "acme/a", "a value\nof two lines", HG_STORE_ABSENT);
        damage("acme/a", ways[i]);
        answer = test_get(&two, "acme/a");
        ck_assert_msg(answer->status == HG_STORE_CORRUPT, "%s: %d", ways[i], answer->status);
        ck_assert_uint_eq(answer->size, 0);
        ck_assert_uint_eq(test_count(&one, ".quarantine"), ++count);
        ck_assert_int_eq(test_get(&one, "acme/a")->status, HG_STORE_NOT_FOUND);
        /* A damaged value does not prevent a new one. */
        test_put_ok(&one, "acme/a", "a value", HG_STORE_ABSENT);
        damage("acme/a", ways[i]);
        test_put_ok(&one, "acme/a", "the value", HG_STORE_ABSENT);
        ck_assert_uint_eq(test_count(&one, ".quarantine"), ++count);
        ck_assert_str_eq(test_get(&two, "acme/a")->value, "the value");
        test_remove(&one, "acme/a", HG_STORE_ANY);
    }
}
END_TEST

/* ---- Broken disks ---- */

/* The old value is there, complete, and there are no leftovers. */
static void expect_old_value(void)
{
    fsync_error = read_error = 0;
    writev_left = -1;
    ck_assert_str_eq(test_get(&one, "acme/a")->value, "old");
    ck_assert_uint_eq(test_count(&one, ".tmp"), 0);
    ck_assert_uint_eq(test_count(&one, ".quarantine"), 0);
    ck_assert_str_eq(test_list(&one, "")->value, "acme/a ");
    test_put_ok(&one, "acme/a", "old", HG_STORE_ANY);
}

START_TEST(a_write_that_fails_changes_nothing)
{
    const struct test_answer *answer;

    test_put_ok(&one, "acme/a", "old", HG_STORE_ABSENT);
    for (int left = 0; left < 140; left += 20) {
        writev_left = left;
        answer = test_put(&one, "acme/a", "a new value", HG_STORE_ANY);
        ck_assert_int_eq(answer->status, HG_STORE_NOT_WRITABLE);
        ck_assert_ptr_nonnull(strstr(answer->error, "acme/a: No space left on device"));
        expect_old_value();
    }
    fsync_error = EIO;
    answer = test_put(&one, "acme/a", "a new value", HG_STORE_ANY);
    ck_assert_int_eq(answer->status, HG_STORE_NOT_WRITABLE);
    ck_assert_ptr_nonnull(strstr(answer->error, "Input/output error"));
    ck_assert_int_eq(test_acquire(&one, "lock", 1000)->status, HG_STORE_NOT_WRITABLE);
    expect_old_value();
    ck_assert_int_eq(test_acquire(&one, "lock", 1000)->status, HG_STORE_OK);
}
END_TEST

/* A lease that cannot be opened is neither lost nor free; nobody else has taken it. */
START_TEST(a_lease_that_cannot_be_opened_is_not_lost)
{
    static const int errors[] = {EIO, EMFILE, EACCES, EROFS, -EROFS};
    static const char *const reported[] = {"Input/output error", "Too many open files", "Permission denied",
                                           "Read-only file system", "Read-only file system"};
    const uint64_t fence = test_acquire(&one, "lock", 30000)->fence;
    const bool readable = errors[_i] < 0;
    const struct test_answer *answer;

    lease_error = errors[_i];
    answer = test_put_guarded(&one, "acme/a", "new", "lock", fence);
    ck_assert_int_eq(answer->status, readable ? HG_STORE_OK : HG_STORE_NOT_WRITABLE);
    ck_assert_msg(readable || strstr(answer->error, reported[_i]), "%s", answer->error);
    answer = test_renew(&one, "lock", fence, 30000);
    ck_assert_int_eq(answer->status, HG_STORE_NOT_WRITABLE);
    ck_assert_msg(strstr(answer->error, reported[_i]), "%s", answer->error);
    ck_assert_int_eq(test_acquire(&two, "lock", 30000)->status, HG_STORE_NOT_WRITABLE);
    lease_error = 0;
    ck_assert_int_eq(test_acquire(&two, "lock", 30000)->status, HG_STORE_CONFLICT);
    ck_assert_int_eq(test_renew(&one, "lock", fence, 30000)->status, HG_STORE_OK);
    ck_assert_int_eq(test_put_guarded(&one, "acme/a", "newer", "lock", fence)->status, HG_STORE_OK);
    ck_assert_int_eq(test_release(&one, "lock", fence)->status, HG_STORE_OK);
}
END_TEST

/* The folder is synced after the file. If that fails, the new value is there, but must not be relied on. */
START_TEST(a_write_is_done_when_its_folder_is_synced)
{
    test_put_ok(&one, "acme/a", "old", HG_STORE_ABSENT);
    fsync_error = EIO;
    fsync_spared = 1;
    ck_assert_int_eq(test_put(&one, "acme/a", "new", HG_STORE_ANY)->status, HG_STORE_UNAVAILABLE);
    fsync_spared = 2;
    ck_assert_int_eq(test_put(&one, "acme/a", "newer", HG_STORE_ANY)->status, HG_STORE_OK);
    fsync_spared = 0;
    ck_assert_int_eq(test_remove(&one, "acme/a", HG_STORE_ANY)->status, HG_STORE_UNAVAILABLE);
}
END_TEST

START_TEST(unreadable_values_are_not_taken_for_damaged)
{
    test_put_ok(&one, "acme/a", "old", HG_STORE_ABSENT);
    read_error = EIO;
    ck_assert_int_eq(test_get(&one, "acme/a")->status, HG_STORE_NOT_READABLE);
    ck_assert_ptr_nonnull(strstr(test_answer.error, "Input/output error"));
    ck_assert_int_eq(test_put(&one, "acme/a", "new", HG_STORE_ANY)->status, HG_STORE_NOT_WRITABLE);
    expect_old_value();
}
END_TEST

static void let_it_go_on(void *arg)
{
    (void)arg;
    fsync_hangs = false;
    sem_post(&fsync_goes_on);
}

/* The disk responds only after a turn of the loop: if the loop waited for the disk, this would be a deadlock. */
START_TEST(the_loop_never_waits_for_the_disk)
{
    struct hg_worker *provider = fixture_worker(one.fixture, 0);
    struct hg_timer *timer = hg_timer_new(provider, let_it_go_on, NULL);

    sem_init(&fsync_goes_on, 0, 0);
    fsync_hangs = true;
    hg_timer_set(provider->host, timer, 20 * HG_MILLISECOND);
    test_put_ok(&one, "acme/a", "slow", HG_STORE_ABSENT);
    ck_assert(!fsync_hangs);
    hg_timer_free(provider->host, timer);
}
END_TEST

/* Gives this process its own mounts, which end with it. False: not root, so the test is skipped. */
static bool own_mounts(void)
{
    return !unshare(CLONE_NEWNS) && !mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL);
}

START_TEST(a_full_disk_changes_nothing)
{
    static char value[40000];
    const struct test_answer *answer;

    test_store_stop(&one);
    test_store_stop(&two);
    if (!own_mounts() || mount("none", one.path, "tmpfs", 0, "size=64k,mode=0700"))
        return;
    test_store_start(&one, one.path);
    test_put_ok(&one, "acme/a", "old", HG_STORE_ABSENT);
    memset(value, 'x', sizeof value - 1);
    ck_assert_int_eq(test_put(&one, "acme/big", value, HG_STORE_ABSENT)->status, HG_STORE_OK);
    answer = test_put(&one, "acme/a", value, HG_STORE_ANY);
    ck_assert_int_eq(answer->status, HG_STORE_NOT_WRITABLE);
    ck_assert_ptr_nonnull(strstr(answer->error, "No space left on device"));
    ck_assert_str_eq(test_get(&one, "acme/a")->value, "old");
    ck_assert_uint_eq(test_count(&one, ".tmp"), 0);
    /* There is room again. */
    ck_assert_int_eq(test_remove(&one, "acme/big", HG_STORE_ANY)->status, HG_STORE_OK);
    ck_assert_int_eq(test_put(&one, "acme/a", value, HG_STORE_ANY)->status, HG_STORE_OK);
    test_store_stop(&one);
    umount(one.path);
}
END_TEST

START_TEST(a_read_only_folder_is_served)
{
    const struct test_answer *answer;
    char again[128];

    test_put_ok(&one, "acme/a", "old", HG_STORE_ABSENT);
    test_put_ok(&one, "acme/damaged", "old", HG_STORE_ABSENT);
    damage("acme/damaged", "truncate -s 0 %s");
    if (!own_mounts() || mount(one.path, one.path, "none", MS_BIND, NULL) ||
        mount(NULL, one.path, "none", MS_BIND | MS_REMOUNT | MS_RDONLY, NULL))
        return;
    test_store_stop(&two);
    test_store_start(&two, two.path); /* it starts */
    ck_assert_str_eq(test_get(&two, "acme/a")->value, "old");
    answer = test_put(&two, "acme/a", "new", HG_STORE_ANY);
    ck_assert_int_eq(answer->status, HG_STORE_NOT_WRITABLE);
    ck_assert_ptr_nonnull(strstr(answer->error, "Read-only file system"));
    ck_assert_int_eq(test_remove(&two, "acme/a", HG_STORE_ANY)->status, HG_STORE_NOT_WRITABLE);
    ck_assert_int_eq(test_acquire(&two, "lock", 1000)->status, HG_STORE_NOT_WRITABLE);
    ck_assert_int_eq(test_get(&two, "acme/damaged")->status, HG_STORE_CORRUPT);
    ck_assert_str_eq(test_get(&two, "acme/a")->value, "old");
    snprintf(again, sizeof again, "%s", two.path);
    test_store_stop(&two);
    umount(again);
}
END_TEST

START_TEST(a_folder_that_was_removed_is_recreated)
{
    test_put_ok(&one, "acme/a", "old", HG_STORE_ABSENT);
    damage("", "rm -r %s");
    ck_assert_int_eq(test_get(&one, "acme/a")->status, HG_STORE_NOT_FOUND);
    test_put_ok(&one, "acme/a", "new", HG_STORE_ABSENT);
    ck_assert_str_eq(test_get(&two, "acme/a")->value, "new");
}
END_TEST

/* ---- Killed processes ---- */

/* A value that shows whether it is complete: one letter, repeated as often as its first eight digits say. */
static size_t make_value(char *value, unsigned turn)
{
    size_t size = 100 + turn * 7919 % 60000;

    snprintf(value, 9, "%08zu", size);
    memset(value + 8, 'a' + (int)(turn % 26), size - 8);
    return size;
}

static void expect_whole(const struct test_answer *answer)
{
    size_t size = 0;

    ck_assert_msg(answer->status == HG_STORE_OK, "%s", answer->error);
    ck_assert_uint_gt(answer->size, 8);
    sscanf(answer->value, "%8zu", &size);
    ck_assert_uint_eq(answer->size, size);
    /* One assertion for everything, since each costs a system call. */
    ck_assert_uint_eq(strspn(answer->value + 8, (char[]){answer->value[8], '\0'}), size - 8);
}

static void write_for_ever(unsigned turn, int reported)
{
    static char value[100000];

    test_store_start(&one, one.path);
    for (;; turn++) {
        const struct test_answer *answer = test_put_bytes(&one, "acme/a", value, make_value(value, turn));

        if (answer->status || write(reported, "", 1) != 1)
            abort();
    }
}

START_TEST(a_value_is_whole_whenever_its_writer_is_killed)
{
    int fds[2];
    char byte;

    test_put_ok(&one, "acme/a", "00000009x", HG_STORE_ABSENT);
    test_store_stop(&one);
    test_store_stop(&two);
    ck_assert_int_eq(pipe(fds), 0);
    for (unsigned round = 0; round < 30; round++) {
        pid_t child = fork();

        if (child == 0)
            write_for_ever(round * 1000, fds[1]);
        ck_assert_int_eq(read(fds[0], &byte, 1), 1); /* it is writing */
        test_store_start(&two, two.path);
        for (unsigned i = 0; i < round; i++)
            expect_whole(test_get(&two, "acme/a"));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        expect_whole(test_get(&two, "acme/a"));
        test_put_ok(&two, "acme/b", "x", HG_STORE_ANY); /* the lock is free */
        ck_assert_uint_eq(test_count(&two, ".tmp"), 0);
        test_store_stop(&two);
    }
    test_store_start(&two, two.path);
    ck_assert_uint_eq(test_count(&two, ".quarantine"), 0);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

/* A process is stopped while it writes: the others can write after a while, and when it continues, it changes
 * nothing. */
START_TEST(a_process_that_is_stopped_with_the_lock_loses_it)
{
    static const enum hg_store_status ends[] = {HG_STORE_UNAVAILABLE, HG_STORE_OK};
    const bool early = _i; /* before it has the lock */
    int status;
    pid_t child;

    test_put_ok(&one, "acme/a", "old", HG_STORE_ABSENT);
    test_store_stop(&one);
    test_store_stop(&two);
    child = fork();
    if (child == 0) {
        test_store_start(&one, one.path);
        test_put_ok(&one, "acme/b", "x", HG_STORE_ANY); /* so that folders exist already */
        fsync_stops = !early;
        if (early)
            raise(SIGSTOP);
        status = (int)test_put(&one, "acme/a", "late", HG_STORE_ANY)->status;
        if (status == HG_STORE_UNAVAILABLE && !strstr(test_answer.error, "nothing was written"))
            status = 100;
        if (test_put(&one, "acme/c", "good again", HG_STORE_ANY)->status)
            status = 101;
        _exit(status);
    }
    ck_assert(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
    test_store_start(&two, two.path);
    ck_assert_str_eq(test_get(&two, "acme/a")->value, "old");
    test_put_ok(&two, "acme/a", "new", HG_STORE_ANY);
    test_put_ok(&two, "acme/b", "new", HG_STORE_ANY);
    kill(child, SIGCONT);
    ck_assert(waitpid(child, &status, 0) == child && WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), ends[_i]);
    ck_assert_str_eq(test_get(&two, "acme/a")->value, early ? "late" : "new");
    ck_assert_str_eq(test_get(&two, "acme/c")->value, "good again");
    ck_assert_uint_eq(test_count(&two, ".quarantine"), 0);
    ck_assert_uint_eq(test_count(&two, ".tmp"), 0);
    test_store_start(&one, one.path);
}
END_TEST

/* An operator removes the lock file: two writers do not lose each other's changes. */
START_TEST(a_lock_file_that_is_removed_is_recreated)
{
    for (unsigned turn = 0; turn < 20; turn++) {
        damage(".lock", "rm -f %s");
        test_put_ok(&one, "acme/a", "one", HG_STORE_ANY);
        test_put_ok(&two, "acme/a", "two", test_answer.revision);
    }
}
END_TEST

/* ---- Folders that cannot be watched ---- */

static char changes[256];

static void keep_change(void *arg, struct hg_text key)
{
    (void)arg;
    if (!key.size)
        return; /* any of them may have changed */
    snprintf(changes + strlen(changes), sizeof changes - strlen(changes), "%.*s ", HG_PRINT(key));
}

static bool has_changed(void *arg)
{
    return strstr(changes, arg) != NULL;
}

static void expect_changes(const char *keys)
{
    ck_assert_msg(fixture_run(one.fixture, has_changed, (void *)(uintptr_t)keys, 30000), "no %s in \"%s\"", keys,
                  changes);
    ck_assert_str_eq(changes, keys);
    changes[0] = '\0';
}

/* On a file system shared by machines, where the kernel reports nothing; without inotify; after the folder was
 * removed. */
START_TEST(changes_are_found_without_notifications)
{
    on_nfs = _i == 0;
    inotify_error = _i == 1 ? EMFILE : 0;
    inotify_uses = 0;
    test_put_ok(&two, "acme/before", "1", HG_STORE_ANY);
    ck_assert_ptr_nonnull(one.ops->watch(fixture_worker(one.fixture, 0), HG_TEXT("acme"), keep_change, NULL));
    test_list(&one, ""); /* everything from here on is noticed */
    if (_i == 2) {
        damage("", "rm -r %s");
        test_put_ok(&two, "acme/before", "1", HG_STORE_ANY);
        test_get(&one, "acme/before"); /* this has been noticed */
        changes[0] = '\0';
    }
    ck_assert_int_eq(inotify_uses, _i);
    /* At least two seconds, but not unlimited if the disk is sometimes slow. */
    ck_assert_uint_ge(hg_store_delay(one.ops, fixture_worker(one.fixture, 0)), _i == 2 ? HG_SECOND / 4 : 3 * HG_SECOND);
    ck_assert(_i < 2 || hg_store_delay(one.ops, fixture_worker(one.fixture, 0)) < HG_SECOND);
    test_put_ok(&two, "acme/x", "1", HG_STORE_ANY);
    test_put_ok(&two, "acmeish/x", "1", HG_STORE_ANY);
    expect_changes("acme/x ");
    test_put_ok(&two, "acme/x", "2", HG_STORE_ANY);
    expect_changes("acme/x ");
    test_put_ok(&two, "acme/zz", "1", HG_STORE_ANY);
    expect_changes("acme/zz ");
    ck_assert_int_eq(test_remove(&two, "acme/before", HG_STORE_ANY)->status, HG_STORE_OK);
    expect_changes("acme/before ");
}
END_TEST

/* Several processes, each incrementing a number with compare-and-set, lose no update. */
START_TEST(no_write_is_lost_between_processes)
{
    enum { PROCESSES = 3, TURNS = 40 };
    pid_t children[PROCESSES];
    int status;

    test_put_ok(&one, "n", "0", HG_STORE_ABSENT);
    test_store_stop(&one);
    test_store_stop(&two);
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i])
            continue;
        test_store_start(&one, one.path);
        for (int turn = 0; turn < TURNS;) {
            uint64_t revision = test_get(&one, "n")->revision;
            char next[16];

            snprintf(next, sizeof next, "%d", atoi(test_answer.value) + 1);
            turn += test_put(&one, "n", next, revision)->status == HG_STORE_OK;
        }
        _exit(0);
    }
    for (int i = 0; i < PROCESSES; i++)
        ck_assert(waitpid(children[i], &status, 0) == children[i] && status == 0);
    test_store_start(&one, one.path);
    ck_assert_int_eq(atoi(test_get(&one, "n")->value), PROCESSES * TURNS);
}
END_TEST

static void set_up(void)
{
    fsync_error = fsync_spared = read_error = lease_error = 0;
    writev_left = -1;
    on_nfs = false;
    inotify_error = 0;
    changes[0] = '\0';
    test_set_up();
}

TCase *test_fault_cases(void)
{
    TCase *tests = tcase_create("faults");

    tcase_add_test(tests, damaged_values_are_put_aside_and_never_served);
    tcase_add_test(tests, a_write_that_fails_changes_nothing);
    tcase_add_loop_test(tests, a_lease_that_cannot_be_opened_is_not_lost, 0, 5);
    tcase_add_test(tests, a_write_is_done_when_its_folder_is_synced);
    tcase_add_test(tests, unreadable_values_are_not_taken_for_damaged);
    tcase_add_test(tests, the_loop_never_waits_for_the_disk);
    tcase_add_test(tests, a_full_disk_changes_nothing);
    tcase_add_test(tests, a_read_only_folder_is_served);
    tcase_add_test(tests, a_folder_that_was_removed_is_recreated);
    tcase_add_test(tests, a_value_is_whole_whenever_its_writer_is_killed);
    tcase_add_test(tests, no_write_is_lost_between_processes);
    tcase_add_loop_test(tests, changes_are_found_without_notifications, 0, 3);
    tcase_add_loop_test(tests, a_process_that_is_stopped_with_the_lock_loses_it, 0, 2);
    tcase_add_test(tests, a_lock_file_that_is_removed_is_recreated);
    tcase_add_checked_fixture(tests, set_up, test_tear_down);
    tcase_set_timeout(tests, 120);
    return tests;
}
