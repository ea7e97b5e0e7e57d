# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# Sessions, streams, links and recovery: pure code, no sockets, no clock.
noinst_LTLIBRARIES += core/tunnel/libtunnel.la
core_tunnel_libtunnel_la_SOURCES = \
	core/tunnel/acks.c core/tunnel/acks.h \
	core/tunnel/bbr.c core/tunnel/bbr.h \
	core/tunnel/bbr_model.c core/tunnel/bbr_model.h \
	core/tunnel/congestion.h \
	core/tunnel/control.c \
	core/tunnel/credit.c \
	core/tunnel/cubic.c core/tunnel/cubic.h \
	core/tunnel/delivery.c core/tunnel/delivery.h \
	core/tunnel/frame.c core/tunnel/frame.h \
	core/tunnel/hystart.c core/tunnel/hystart.h \
	core/tunnel/link.c core/tunnel/link.h \
	core/tunnel/link_receive.c \
	core/tunnel/link_send.c \
	core/tunnel/list.h \
	core/tunnel/loss_episode.c core/tunnel/loss_episode.h \
	core/tunnel/names.c \
	core/tunnel/pacer.c core/tunnel/pacer.h \
	core/tunnel/packet.h \
	core/tunnel/path_mtu.c core/tunnel/path_mtu.h \
	core/tunnel/ranges.c core/tunnel/ranges.h \
	core/tunnel/receiver.c core/tunnel/receiver.h \
	core/tunnel/recovery.c core/tunnel/recovery.h core/tunnel/recovery_private.h \
	core/tunnel/recovery_loss.c \
	core/tunnel/recovery_record.c \
	core/tunnel/reordering.c core/tunnel/reordering.h \
	core/tunnel/repeat.c core/tunnel/repeat.h \
	core/tunnel/sender.c core/tunnel/sender.h \
	core/tunnel/session.c core/tunnel/session.h \
	core/tunnel/stream.c \
	core/tunnel/stream_receive.c \
	core/tunnel/stream_send.c \
	core/tunnel/tunnel.h \
	core/tunnel/varint.h
core_tunnel_libtunnel_la_LIBADD = -lm
core_tunnel_libtunnel_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)

if HAVE_CHECK
tunnel_tests = \
	tests/unit/test_tunnel_parts \
	tests/unit/test_tunnel \
	tests/unit/test_link \
	tests/unit/test_congestion \
	tests/unit/test_path_mtu
check_PROGRAMS += $(tunnel_tests)
TESTS += $(tunnel_tests)
tests_unit_test_tunnel_parts_SOURCES = tests/unit/test_tunnel_parts.c tests/sim/random.h
tests_unit_test_tunnel_parts_CPPFLAGS = $(core_tunnel_libtunnel_la_CPPFLAGS)
tests_unit_test_tunnel_parts_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_tunnel_parts_LDADD = core/tunnel/libtunnel.la core/libcore.la $(CHECK_LIBS)
tests_unit_test_tunnel_SOURCES = tests/unit/test_tunnel.c tests/unit/ends.c tests/unit/ends.h tests/sim/random.h
tests_unit_test_tunnel_CPPFLAGS = $(core_tunnel_libtunnel_la_CPPFLAGS)
tests_unit_test_tunnel_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_tunnel_LDADD = core/tunnel/libtunnel.la core/libcore.la $(CHECK_LIBS)
tests_unit_test_link_SOURCES = tests/unit/test_link.c tests/unit/ends.c tests/unit/ends.h
tests_unit_test_link_CPPFLAGS = $(core_tunnel_libtunnel_la_CPPFLAGS)
tests_unit_test_link_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_link_LDADD = core/tunnel/libtunnel.la core/libcore.la $(CHECK_LIBS)
tests_unit_test_congestion_SOURCES = \
	tests/unit/test_congestion.c \
	tests/sim/bottleneck.c tests/sim/bottleneck.h \
	tests/sim/network.c tests/sim/network.h tests/sim/random.h
tests_unit_test_congestion_CPPFLAGS = $(core_tunnel_libtunnel_la_CPPFLAGS)
tests_unit_test_congestion_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_congestion_LDADD = core/tunnel/libtunnel.la core/libcore.la $(CHECK_LIBS)
tests_unit_test_path_mtu_SOURCES = \
	tests/unit/test_path_mtu.c \
	tests/sim/bottleneck.c tests/sim/bottleneck.h \
	tests/sim/network.c tests/sim/network.h tests/sim/random.h
tests_unit_test_path_mtu_CPPFLAGS = $(core_tunnel_libtunnel_la_CPPFLAGS)
tests_unit_test_path_mtu_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_path_mtu_LDADD = core/tunnel/libtunnel.la core/libcore.la $(CHECK_LIBS)
endif
