/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/name.h"

#include "plugins/lib/x509/x509.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <hopgate/match.h>

#define LABEL_MAX 63

/* Labels of letters, digits and hyphens; the last is not a number. */
static bool is_host(struct hg_text name)
{
    size_t label = 0, digits = 0; /* of the current label */

    if (!name.size || name.size > ACME_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.size; i++) {
        const unsigned char c = (unsigned char)name.data[i];

        if (c == '.' ? !label || name.data[i - 1] == '-' : !(isascii(c) && isalnum(c)) && (c != '-' || !label))
            return false;
        label = c == '.' ? 0 : label + 1;
        digits = c == '.' ? 0 : digits + (isdigit(c) != 0);
        if (label > LABEL_MAX)
            return false;
    }
    return label > digits && name.data[name.size - 1] != '-';
}

enum acme_name_kind acme_name_kind(struct hg_text name)
{
    uint8_t address[16];

    if (x509_address(name, address))
        return ACME_NAME_ADDRESS;
    if (name.size && name.data[name.size - 1] == '.')
        name.size--;
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
    const size_t size = x509_address(name, address);

    if (size)
        return inet_ntop(size == 4 ? AF_INET : AF_INET6, address, canonical, ACME_NAME_MAX + 1);
    if (acme_name_kind(name) == ACME_NAME_WRONG)
        return false;
    canonical[hg_host_canonical(name, canonical).size] = 0;
    return true;
}

bool acme_name_matches(const char *pattern, struct hg_text name)
{
    return hg_text_equal(hg_text(pattern), name) || x509_wildcard_fits(hg_text(pattern), name);
}
