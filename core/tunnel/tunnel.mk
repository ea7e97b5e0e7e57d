# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# Sessions, streams, links and recovery: pure code without sockets or clock.
EXTRA_DIST += core/tunnel/README.md
noinst_LTLIBRARIES += core/tunnel/libtunnel.la
core_tunnel_libtunnel_la_SOURCES = \
	core/tunnel/acks.c core/tunnel/acks.h core/tunnel/bbr.c core/tunnel/bbr.h core/tunnel/bbr_model.c \
	core/tunnel/bbr_model.h core/tunnel/congestion.h core/tunnel/control_stream.c core/tunnel/credit.c \
	core/tunnel/cubic.c core/tunnel/cubic.h core/tunnel/delivery_rate.c core/tunnel/delivery_rate.h \
	core/tunnel/error_names.c core/tunnel/frame.c core/tunnel/frame.h core/tunnel/frame_outcome.c \
	core/tunnel/frame_receive.c core/tunnel/frame_send.c core/tunnel/hystart.c core/tunnel/hystart.h \
	core/tunnel/link_internal.h core/tunnel/link_timers.c core/tunnel/list.h core/tunnel/loss_detection.c \
	core/tunnel/pacer.c core/tunnel/pacer.h core/tunnel/packet.h core/tunnel/packet_receive.c \
	core/tunnel/packet_send.c core/tunnel/path_mtu.c core/tunnel/path_mtu.h core/tunnel/ranges.c core/tunnel/ranges.h \
	core/tunnel/receive_buffer.c core/tunnel/receive_buffer.h core/tunnel/recovery.c core/tunnel/recovery.h \
	core/tunnel/recovery_private.h core/tunnel/redundancy.c core/tunnel/redundancy.h core/tunnel/reordering.c \
	core/tunnel/reordering.h core/tunnel/send_buffer.c core/tunnel/send_buffer.h core/tunnel/sent_packets.c \
	core/tunnel/session_internal.h core/tunnel/spurious_loss.c core/tunnel/spurious_loss.h core/tunnel/stream.c \
	core/tunnel/stream_schedule.c core/tunnel/stream_table.c core/tunnel/tunnel.h core/tunnel/varint.h
core_tunnel_libtunnel_la_CFLAGS = $(CORE_CFLAGS)
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
tests_unit_test_tunnel_SOURCES = tests/unit/test_tunnel.c tests/unit/tunnel_ends.c tests/unit/tunnel_ends.h tests/sim/random.h
tests_unit_test_tunnel_CPPFLAGS = $(core_tunnel_libtunnel_la_CPPFLAGS)
tests_unit_test_tunnel_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_tunnel_LDADD = core/tunnel/libtunnel.la core/libcore.la $(CHECK_LIBS)
tests_unit_test_link_SOURCES = tests/unit/test_link.c tests/unit/tunnel_ends.c tests/unit/tunnel_ends.h
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
