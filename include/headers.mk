# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

pkginclude_HEADERS += \
	include/hopgate/buffer.h \
	include/hopgate/certificates.h \
	include/hopgate/challenges.h \
	include/hopgate/codec.h \
	include/hopgate/connections.h \
	include/hopgate/host.h \
	include/hopgate/identity.h \
	include/hopgate/match.h \
	include/hopgate/message.h \
	include/hopgate/metrics.h \
	include/hopgate/option.h \
	include/hopgate/plugin.h \
	include/hopgate/routes.h \
	include/hopgate/service.h \
	include/hopgate/stage.h \
	include/hopgate/store.h \
	include/hopgate/transport.h \
	include/hopgate/types.h
