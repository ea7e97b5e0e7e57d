/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Scripts of services that several tests use.
 */
#include "plugins/origin/tests/cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void serve_hello(struct service *service, int fd, unsigned number)
{
    (void)number;
    while (service_read_head(service, fd, NULL))
        if (!service_say(fd, "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello"))
            return;
}

void serve_echo_length(struct service *service, int fd, unsigned number)
{
    char head[65536];

    (void)number;
    while (service_read_head(service, fd, head)) {
        const char *field = strstr(head, "Content-Length: ");
        size_t size = field ? strtoul(field + 16, NULL, 10) : 0;
        char answer[128];

        if (!service_read(service, fd, size, 0, true))
            return;
        snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size);
        if (!service_say(fd, answer) || !service_write_pattern(fd, size, 0))
            return;
    }
}

/* Reads a chunked body, accepting only the form in which it must be written; appends the trailer section to the
 * heads. */
bool read_chunks(struct service *service, int fd, uint64_t *total)
{
    char line[300];

    for (*total = 0;;) {
        size_t size;

        if (!service_read_until(fd, "\r\n", line, sizeof line))
            return false;
        size = strtoul(line, NULL, 16);
        if (!size)
            break;
        if (!service_read(service, fd, size, *total, true) || !service_read_until(fd, "\r\n", line, sizeof line) ||
            strcmp(line, "\r\n") != 0)
            return false;
        *total += size;
    }
    do {
        if (!service_read_until(fd, "\r\n", line, sizeof line))
            return false;
        service_note(service, line);
    } while (strcmp(line, "\r\n") != 0);
    return true;
}

void serve_silence(struct service *service, int fd, unsigned number)
{
    (void)number;
    if (service_read_head(service, fd, NULL) && service->text)
        service_say(fd, service->text);
    service_wait_close(service, fd);
}

void serve_early(struct service *service, int fd, unsigned number)
{
    (void)number;
    if (!service_read_head(service, fd, NULL))
        return;
    service_say(fd, service->text);
    service_wait_close(service, fd); /* reads what still arrives */
}

void serve_much(struct service *service, int fd, unsigned number)
{
    (void)number;
    while (service_read_head(service, fd, NULL)) {
        if (!service_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n") ||
            !service_write_pattern(fd, 20000000, 0))
            break;
    }
    service_wait_close(service, fd);
}
