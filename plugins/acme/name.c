/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/name.h"

#include "plugins/lib/x509/x509.h"

#include <arpa/inet.h>
#include <ctype.h>

#define LABEL_MAX 63

static bool is_label(const char *label, size_t size)
{
    if (!size || size > LABEL_MAX || label[0] == '-' || label[size - 1] == '-')
        return false;
    for (size_t i = 0; i < size; i++)
        if (!isascii((unsigned char)label[i]) || (!isalnum((unsigned char)label[i]) && label[i] != '-'))
            return false;
    return true;
}

static bool is_number(const char *label, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!isdigit((unsigned char)label[i]))
            return false;
    return true;
}

static bool is_host(struct hg_text name)
{

    if (!name.size || name.size > ACME_NAME_MAX)
        return false;
    for (size_t begin = 0;;) {
        const char *label = name.data + begin;
        const char *dot = memchr(label, '.', name.size - begin);
        const size_t size = dot ? (size_t)(dot - label) : name.size - begin;

        if (!is_label(label, size))
            return false;
        if (!dot)
            return !is_number(label, size);
        begin += size + 1;
    }
}

static struct hg_text without_dot(struct hg_text name)
{
    if (name.size && name.data[name.size - 1] == '.')
        name.size--;
    return name;
}

enum acme_name_kind acme_name_kind(struct hg_text name)
{
    uint8_t address[16];

    if (x509_address(name, address))
        return ACME_NAME_ADDRESS;
    name = without_dot(name);
    if (is_host(name))
        return ACME_NAME_HOST;
    if (name.size > 2 && name.size <= ACME_NAME_MAX && !memcmp(name.data, "*.", 2) &&
        is_host((struct hg_text){name.data + 2, name.size - 2}))
        return ACME_NAME_WILDCARD;
    return ACME_NAME_WRONG;
}

bool acme_name_canonical(struct hg_text name, char canonical[ACME_NAME_MAX + 1])
{
    uint8_t address[16];

    switch (acme_name_kind(name)) {
    case ACME_NAME_WRONG:
        return false;
    case ACME_NAME_ADDRESS:
        return inet_ntop(x509_address(name, address) == 4 ? AF_INET : AF_INET6, address, canonical, ACME_NAME_MAX + 1);
    default:
        name = without_dot(name);
        for (size_t i = 0; i < name.size; i++)
            canonical[i] = (char)tolower((unsigned char)name.data[i]);
        canonical[name.size] = 0;
        return true;
    }
}

bool acme_name_matches(const char *pattern, struct hg_text name)
{
    const char *dot;

    if (hg_text_equal(hg_text(pattern), name))
        return true;
    if (pattern[0] != '*' || !name.size)
        return false;
    dot = memchr(name.data, '.', name.size);
    return dot && dot != name.data &&
           hg_text_equal(hg_text(pattern + 1), (struct hg_text){dot, name.size - (size_t)(dot - name.data)});
}
