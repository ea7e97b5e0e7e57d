/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * relay: a path between two network namespaces, as slow, long and lossy as configured. It creates a TUN device in each,
 * so IP packets of any protocol and family pass through it: those of the tunnel and, for comparison, of the kernel's
 * TCP. Needs root. The devices have no address and are not up; they are removed when the relay ends.
 *
 *   relay --a NAMESPACE/DEVICE --b NAMESPACE/DEVICE [--control FIFO] [--seed N] [--PROPERTY VALUE[,VALUE]]...
 *
 * A property has one value for both directions, or one for a to b and one for b to a:
 *   rate N      Mbit/s of IP packets; 0: unlimited                 delay N      ms one way, after the queue
 *   queue N     bytes that may wait for the rate; drops the tail   loss N       % of packets lost, at random
 *   reorder N   % of packets that arrive `extra` ms later          extra N      ms; later packets overtake them
 *   limit N     bytes: larger IP packets are lost silently; 0: none
 *   down 1      everything that enters is lost, until down 0
 *
 * A packet waits for the rate, is lost or not, then takes the delay. Lines "PROPERTY VALUE[,VALUE]" written to the FIFO
 * change properties while it is running; "stats" prints the figures so far. Prints "ready" when the devices exist, and
 * its figures as a JSON object on SIGTERM and SIGINT. A packet that leaves more than 1 ms late counts as `late`; if
 * there are many, a message on stderr says that the machine was too busy for the measurements.
 */
#include "tests/sim/random.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MILLISECOND UINT64_C(1000000)
#define NEVER       UINT64_MAX

/* The minimum time between turns of the loop, which batches packets that arrive one by one. */
#define QUANTUM (MILLISECOND / 4)
/* A delivery that is later than this counts as late. */
#define LATE MILLISECOND
/* Packets to read from one device before it is the other's turn. */
#define BATCH 64
/* Packets that the kernel queues for the relay while that is not scheduled. */
#define DEVICE_QUEUE 4000
#define PACKET_MAX   65536

struct figures {
    unsigned long long packets, bytes; /* that entered */
    unsigned long long delivered, delivered_bytes;
    unsigned long long lost;    /* by `loss` */
    unsigned long long tail;    /* dropped because the queue was full */
    unsigned long long down;    /* by `down` */
    unsigned long long large;   /* by `limit` */
    unsigned long long refused; /* by the device that it was to be sent to */
    unsigned long long reordered, late;
    uint64_t queue_max; /* bytes */
    uint64_t late_max;  /* nanoseconds */
};

struct direction {
    struct device *from, *to;
    double rate; /* bytes for each nanosecond */
    double loss, reorder;
    uint64_t delay, extra;
    uint64_t queue;
    size_t limit;
    bool down;
    uint64_t busy_until; /* when the last byte of the queue will have left it */
    uint64_t last_due;   /* of a packet in order */
    struct figures figures;
};

struct device {
    char namespace[64], name[IFNAMSIZ];
    int fd;
};

struct packet {
    uint64_t due, number; /* by number if due at the same time */
    struct direction *direction;
    size_t size;
    uint8_t bytes[];
};

struct relay {
    struct device devices[2];
    struct direction directions[2]; /* a to b, b to a */
    struct random random;
    struct packet **heap; /* in flight, the first due on top */
    size_t count, capacity;
    uint64_t number;
    const char *control_path;
    int control, home; /* the FIFO or -1; the original namespace */
    char line[256];    /* of the FIFO, incomplete */
    size_t line_size;
};

static volatile sig_atomic_t stopped;

static void on_stop(int number)
{
    (void)number;
    stopped = 1;
}

__attribute__((noreturn)) static void die(const char *what, const char *detail)
{
    fprintf(stderr, "relay: %s: %s\n", what, detail);
    exit(2);
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 * MILLISECOND + (uint64_t)now.tv_nsec;
}

/* ---- Properties ---- */

static bool set_one(struct direction *direction, const char *name, double value)
{
    if (strcmp(name, "rate") == 0)
        direction->rate = value / 8e3;
    else if (strcmp(name, "delay") == 0)
        direction->delay = (uint64_t)(value * (double)MILLISECOND);
    else if (strcmp(name, "extra") == 0)
        direction->extra = (uint64_t)(value * (double)MILLISECOND);
    else if (strcmp(name, "queue") == 0)
        direction->queue = (uint64_t)value;
    else if (strcmp(name, "loss") == 0)
        direction->loss = value / 100;
    else if (strcmp(name, "reorder") == 0)
        direction->reorder = value / 100;
    else if (strcmp(name, "limit") == 0)
        direction->limit = (size_t)value;
    else if (strcmp(name, "down") == 0)
        direction->down = value != 0;
    else
        return false;
    return true;
}

/* "VALUE" or "VALUE,VALUE". False: no such property, or not a number. */
static bool set(struct relay *relay, const char *name, const char *value)
{
    char *end;
    double there = strtod(value, &end), back = there;

    if (end == value || there < 0)
        return false;
    if (*end == ',') {
        value = end + 1;
        back = strtod(value, &end);
    }
    return end != value && *end == '\0' && back >= 0 && set_one(&relay->directions[0], name, there) &&
           set_one(&relay->directions[1], name, back);
}

/* ---- Packets in flight ---- */

static bool before(const struct packet *a, const struct packet *b)
{
    return a->due < b->due || (a->due == b->due && a->number < b->number);
}

static void push(struct relay *relay, struct packet *packet)
{
    size_t i = relay->count++;

    if (i == relay->capacity) {
        relay->capacity = relay->capacity ? 2 * relay->capacity : 1024;
        relay->heap = realloc(relay->heap, relay->capacity * sizeof *relay->heap);
        if (!relay->heap)
            die("packets", "out of memory");
    }
    for (; i > 0 && before(packet, relay->heap[(i - 1) / 2]); i = (i - 1) / 2)
        relay->heap[i] = relay->heap[(i - 1) / 2];
    relay->heap[i] = packet;
}

static struct packet *pop(struct relay *relay)
{
    struct packet *first = relay->heap[0], *last = relay->heap[--relay->count];
    size_t i = 0, child;

    while ((child = 2 * i + 1) < relay->count) {
        child += child + 1 < relay->count && before(relay->heap[child + 1], relay->heap[child]);
        if (!before(relay->heap[child], last))
            break;
        relay->heap[i] = relay->heap[child];
        i = child;
    }
    relay->heap[i] = last;
    return first;
}

/* ---- The path ---- */

/* When the packet leaves the queue; NEVER: there is no room for it. */
static uint64_t leave_queue(struct direction *direction, uint64_t now, size_t size)
{
    uint64_t waiting;

    if (direction->rate <= 0)
        return now;
    if (direction->busy_until < now)
        direction->busy_until = now;
    waiting = (uint64_t)((double)(direction->busy_until - now) * direction->rate);
    if (waiting + size > direction->queue && waiting > 0)
        return NEVER;
    if (waiting + size > direction->figures.queue_max)
        direction->figures.queue_max = waiting + size;
    direction->busy_until += (uint64_t)((double)size / direction->rate);
    return direction->busy_until;
}

static uint64_t arrival(struct relay *relay, struct direction *direction, uint64_t left)
{
    uint64_t due = left + direction->delay;

    if (direction->reorder > 0 && random_chance(&relay->random, direction->reorder)) {
        direction->figures.reordered++;
        return due + direction->extra;
    }
    /* A reduced delay must not reorder packets that are already in flight. */
    if (due < direction->last_due)
        due = direction->last_due;
    direction->last_due = due;
    return due;
}

static void enter(struct relay *relay, struct direction *direction, uint64_t now, const uint8_t *bytes, size_t size)
{
    struct figures *figures = &direction->figures;
    struct packet *packet;
    uint64_t left;

    figures->packets++;
    figures->bytes += size;
    if (direction->down) {
        figures->down++;
        return;
    }
    if (direction->limit > 0 && size > direction->limit) {
        figures->large++;
        return;
    }
    left = leave_queue(direction, now, size);
    if (left == NEVER) {
        figures->tail++;
        return;
    }
    if (direction->loss > 0 && random_chance(&relay->random, direction->loss)) {
        figures->lost++;
        return;
    }
    packet = malloc(sizeof *packet + size);
    if (!packet)
        die("packets", "out of memory");
    packet->due = arrival(relay, direction, left);
    packet->number = relay->number++;
    packet->direction = direction;
    packet->size = size;
    memcpy(packet->bytes, bytes, size);
    push(relay, packet);
}

static void deliver(struct packet *packet, uint64_t now)
{
    struct figures *figures = &packet->direction->figures;
    uint64_t late = now - packet->due;

    if (late > LATE)
        figures->late++;
    if (late > figures->late_max)
        figures->late_max = late;
    if (write(packet->direction->to->fd, packet->bytes, packet->size) == (ssize_t)packet->size) {
        figures->delivered++;
        figures->delivered_bytes += packet->size;
    } else {
        figures->refused++;
    }
    free(packet);
}

static void deliver_due(struct relay *relay)
{
    uint64_t now = now_ns();

    for (unsigned count = 1; relay->count > 0 && relay->heap[0]->due <= now; count++) {
        deliver(pop(relay), now);
        /* The actual time of sending counts, so check the clock again within a long batch. */
        if (count % 16 == 0)
            now = now_ns();
    }
}

/* Returns whether there may be more. */
static bool take(struct relay *relay, struct direction *direction)
{
    static uint8_t bytes[PACKET_MAX];
    uint64_t now = now_ns();

    for (int i = 0; i < BATCH; i++) {
        ssize_t size = read(direction->from->fd, bytes, sizeof bytes);

        if (size > 0) {
            enter(relay, direction, now, bytes, (size_t)size);
        } else {
            if (size < 0 && errno != EAGAIN && errno != EINTR)
                stopped = 1; /* the namespace was removed, and the device with it */
            return false;
        }
    }
    return true;
}

/* ---- Namespaces and devices ---- */

static void enter_namespace(int fd)
{
    if (setns(fd, CLONE_NEWNET) != 0)
        die("setns", strerror(errno));
}

static int open_namespace(const char *name)
{
    char path[128];
    int fd;

    snprintf(path, sizeof path, "/run/netns/%s", name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        die(path, strerror(errno));
    return fd;
}

static void parse_device(struct device *device, const char *text)
{
    if (sscanf(text, "%63[^/]/%15s", device->namespace, device->name) != 2)
        die("not NAMESPACE/DEVICE", text);
}

static void open_device(struct relay *relay, struct device *device)
{
    int namespace = open_namespace(device->namespace), any;
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};

    enter_namespace(namespace);
    memcpy(request.ifr_name, device->name, sizeof request.ifr_name);
    device->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (device->fd < 0 || ioctl(device->fd, TUNSETIFF, &request) != 0)
        die(device->name, strerror(errno));
    any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    request.ifr_qlen = DEVICE_QUEUE;
    if (any < 0 || ioctl(any, SIOCSIFTXQLEN, &request) != 0)
        die("SIOCSIFTXQLEN", strerror(errno));
    close(any);
    enter_namespace(relay->home);
    close(namespace);
}

/* Packets that the kernel dropped before the relay could read them. */
static unsigned long long dropped_before(struct relay *relay, const struct device *device)
{
    unsigned long long dropped = 0;
    char line[512], name[32];
    int namespace = open_namespace(device->namespace);
    FILE *file;

    enter_namespace(namespace);
    close(namespace);
    file = fopen("/proc/thread-self/net/dev", "re");
    while (file && fgets(line, sizeof line, file)) {
        unsigned long long value;

        if (sscanf(line, " %31[^:]: %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %llu", name, &value) == 2 &&
            strcmp(name, device->name) == 0)
            dropped = value;
    }
    if (file)
        fclose(file);
    enter_namespace(relay->home);
    return dropped;
}

/* ---- Control and figures ---- */

static void print_direction(struct relay *relay, const char *name, const struct direction *direction)
{
    const struct figures *f = &direction->figures;

    printf("\"%s\": {\"packets\": %llu, \"bytes\": %llu, \"delivered\": %llu, \"delivered_bytes\": %llu, "
           "\"lost\": %llu, \"tail\": %llu, \"down\": %llu, \"large\": %llu, \"refused\": %llu, \"reordered\": %llu, "
           "\"queue_max\": %llu, "
           "\"late\": %llu, \"late_max_ms\": %.3f, \"unread\": %llu}",
           name, f->packets, f->bytes, f->delivered, f->delivered_bytes, f->lost, f->tail, f->down, f->large,
           f->refused, f->reordered, (unsigned long long)f->queue_max, f->late,
           (double)f->late_max / (double)MILLISECOND, dropped_before(relay, direction->from));
}

static void print_figures(struct relay *relay)
{
    printf("{");
    print_direction(relay, "there", &relay->directions[0]);
    printf(", ");
    print_direction(relay, "back", &relay->directions[1]);
    printf("}\n");
    fflush(stdout);
}

static void print_lateness(struct relay *relay)
{
    unsigned long long late = 0, delivered = 0, unread = 0;
    uint64_t late_max = 0;

    for (int i = 0; i < 2; i++) {
        late += relay->directions[i].figures.late;
        delivered += relay->directions[i].figures.delivered;
        unread += dropped_before(relay, relay->directions[i].from);
        if (relay->directions[i].figures.late_max > late_max)
            late_max = relay->directions[i].figures.late_max;
    }
    if (late > delivered / 100 || unread > 0)
        fprintf(stderr,
                "relay: could not keep its timing: %llu of %llu packets left more than 1 ms late (at most %.1f ms), "
                "%llu were never read\n",
                late, delivered, (double)late_max / (double)MILLISECOND, unread);
}

static void command(struct relay *relay, char *line)
{
    char *value = strchr(line, ' ');

    if (strcmp(line, "stats") == 0) {
        print_figures(relay);
        return;
    }
    if (value)
        *value++ = '\0';
    if (!value || !set(relay, line, value))
        fprintf(stderr, "relay: not understood: %s %s\n", line, value ? value : "");
}

static void read_control(struct relay *relay)
{
    ssize_t got = read(relay->control, relay->line + relay->line_size, sizeof relay->line - 1 - relay->line_size);
    char *newline;

    if (got <= 0)
        return;
    relay->line_size += (size_t)got;
    relay->line[relay->line_size] = '\0';
    while ((newline = strchr(relay->line, '\n'))) {
        *newline = '\0';
        command(relay, relay->line);
        relay->line_size -= (size_t)(newline + 1 - relay->line);
        memmove(relay->line, newline + 1, relay->line_size + 1);
    }
    if (relay->line_size == sizeof relay->line - 1)
        die("control", "a line of more than 254 bytes");
}

static void open_control(struct relay *relay)
{
    relay->control = -1;
    if (!relay->control_path)
        return;
    if (mkfifo(relay->control_path, 0600) != 0)
        die(relay->control_path, strerror(errno));
    /* Also open for writing, so that there is never an end of file. */
    relay->control = open(relay->control_path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (relay->control < 0)
        die(relay->control_path, strerror(errno));
}

/* ---- The loop ---- */

enum {
    FROM_A,
    FROM_B,
    CONTROL,
};

/* Waits until a packet or a command arrives, or a packet is due. */
static void wait_for_work(struct pollfd fds[3], uint64_t due, uint64_t begun, const sigset_t *signals)
{
    uint64_t now = now_ns(), left;
    struct timespec wait;

    if (now < begun + QUANTUM) {
        wait = (struct timespec){.tv_nsec = (long)(begun + QUANTUM - now)};
        nanosleep(&wait, NULL);
        now = now_ns();
    }
    left = due <= now ? 0 : due - now;
    wait = (struct timespec){.tv_sec = (time_t)(left / 1000000000), .tv_nsec = (long)(left % 1000000000)};
    ppoll(fds, 3, due == NEVER ? NULL : &wait, signals);
}

static void run(struct relay *relay)
{
    struct pollfd fds[] = {[FROM_A] = {.fd = relay->devices[0].fd, .events = POLLIN},
                           [FROM_B] = {.fd = relay->devices[1].fd, .events = POLLIN},
                           [CONTROL] = {.fd = relay->control, .events = POLLIN}};
    bool more[2] = {false, false};
    sigset_t blocked, signals;

    /* Signals arrive only in ppoll(), so that none is missed before it. */
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    sigprocmask(SIG_BLOCK, &blocked, &signals);
    while (!stopped) {
        uint64_t begun = now_ns();

        deliver_due(relay);
        for (int i = 0; i < 2; i++)
            if (more[i] || fds[i].revents)
                more[i] = take(relay, &relay->directions[i]);
        deliver_due(relay);
        if (fds[CONTROL].revents)
            read_control(relay);
        wait_for_work(fds, more[0] || more[1] ? 0 : relay->count > 0 ? relay->heap[0]->due : NEVER, begun, &signals);
    }
}

static void parse(struct relay *relay, int argc, char **argv)
{
    if (argc < 3 || argc % 2 == 0)
        die("usage", "relay --a NAMESPACE/DEVICE --b NAMESPACE/DEVICE [OPTION VALUE]...");
    for (int i = 1; i < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];

        if (strcmp(name, "--a") == 0)
            parse_device(&relay->devices[0], value);
        else if (strcmp(name, "--b") == 0)
            parse_device(&relay->devices[1], value);
        else if (strcmp(name, "--seed") == 0)
            relay->random.state = strtoull(value, NULL, 10);
        else if (strcmp(name, "--control") == 0)
            relay->control_path = value;
        else if (strncmp(name, "--", 2) != 0 || !set(relay, name + 2, value))
            die("option not understood", name);
    }
}

int main(int argc, char **argv)
{
    static struct relay relay;
    struct sigaction action = {.sa_handler = on_stop};
    struct sched_param priority = {.sched_priority = 1};

    for (int i = 0; i < 2; i++)
        relay.directions[i] = (struct direction){
            .from = &relay.devices[i], .to = &relay.devices[1 - i], .queue = UINT64_MAX, .extra = 5 * MILLISECOND};
    parse(&relay, argc, argv);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    relay.home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (relay.home < 0)
        die("/proc/self/ns/net", strerror(errno));
    for (int i = 0; i < 2; i++)
        open_device(&relay, &relay.devices[i]);
    open_control(&relay);
    /* A path does not wait for a processor. If this is not allowed, `late` shows the effect. */
    sched_setscheduler(0, SCHED_FIFO, &priority);
    puts("ready");
    fflush(stdout);
    run(&relay);
    print_figures(&relay);
    print_lateness(&relay);
    if (relay.control_path)
        unlink(relay.control_path);
    while (relay.count > 0)
        free(relay.heap[--relay.count]);
    free(relay.heap);
    return 0;
}
