/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/store_file/request.h"

#include <gnutls/gnutls.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct hg_store_request *request_new(enum request_kind kind, struct hg_text key, hg_store_done done, void *arg)
{
    struct hg_store_request *request = calloc(1, sizeof *request);

    if (!request)
        return NULL;
    request->kind = kind;
    request->done = done;
    request->arg = arg;
    request->answer.error = request->error;
    request->key_size = key.size;
    if (key.size && key.size <= HG_STORE_KEY_MAX)
        memcpy(request->key, key.data, key.size);
    return request;
}

static void wipe(void *memory, size_t size)
{
    if (memory && size)
        gnutls_memset(memory, 0, size);
    free(memory);
}

void request_free(struct hg_store_request *request)
{
    wipe((char *)(uintptr_t)request->put.data, request->put.size);
    wipe(request->memory, request->memory_size);
    for (size_t i = 0; i < request->answer.count; i++)
        free((char *)(uintptr_t)request->entries[i].key.data);
    free(request->entries);
    free(request);
}

void request_fail(struct hg_store_request *request, enum hg_store_status status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(request->error, sizeof request->error, format, arguments);
    va_end(arguments);
    request->answer.status = status;
}
