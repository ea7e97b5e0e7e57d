/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The memory of heads and trailers (see <hopgate/message.h>): implements the message functions of struct hg_host.
 */
#ifndef CORE_BASE_MESSAGE_H
#define CORE_BASE_MESSAGE_H

#include <hopgate/message.h>

struct hg_head *message_head_new(enum hg_head_kind kind);
void message_head_free(struct hg_head *head);
struct hg_fields *message_fields_new(void);
void message_fields_free(struct hg_fields *fields);
int message_head_set(struct hg_head *head, struct hg_text *member, struct hg_text value);
int message_field_add(struct hg_fields *fields, struct hg_text name, struct hg_text value);
size_t message_field_remove(struct hg_fields *fields, struct hg_text name);

#endif
