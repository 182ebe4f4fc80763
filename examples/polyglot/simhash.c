/* The fingerprint of a text: SimHash of its words, 64 bits. Texts that are nearly the same differ in a few bits only.
 *
 *     cc -O2 -Wall -Wextra -Werror -o simhash simhash.c
 *     ./simhash SOCKET | ./simhash PORT        the path of a unix socket, or a port of 127.0.0.1
 *
 * One file, only libc: a small HTTP/1.1 server that speaks the Open Inference Protocol (version 2) in JSON. One thread
 * and one poll; a request is bounded, and so is everything that is kept of it. SIGTERM lets who has begun finish.
 *
 * Source: M. Charikar, "Similarity Estimation Techniques from Rounding Algorithms", 2002; the hash is FNV-1a.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MOST_CONNECTIONS = 64, MOST_HEAD = 16 << 10, MOST_BODY = 16 << 20, KEPT = 64 << 10 }; /* bytes, but the first */
enum { DEEPEST = 32, LONGEST_ID = 200 };

static const char METADATA[] =
    "{\"name\":\"simhash\",\"versions\":[\"1\"],\"platform\":\"c\","
    "\"inputs\":[{\"name\":\"words\",\"datatype\":\"BYTES\",\"shape\":[-1]}],"
    "\"outputs\":[{\"name\":\"hash\",\"datatype\":\"UINT64\",\"shape\":[1]}]}";

/* ---------------------------------------------------------------------------------------- JSON
 *
 * Nothing is copied: a value is where it begins in the text. `skip` steps over one and sees that it is well formed, so
 * what looks at a value later need not. Every function takes the end and gives NULL for what is no JSON. */

static const char *space(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) at++;
    return at;
}

static int hexadecimal(const char *at) {
    int value = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        if (!isxdigit((unsigned char)c)) return -1;
        value = value * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

static const char *skip_string(const char *at, const char *end) {
    for (at++; at < end && *at != '"'; at++) {
        if ((unsigned char)*at < 0x20) return NULL;
        if (*at != '\\') continue;
        if (++at == end) return NULL;
        if (*at == 'u') {
            if (end - at < 5 || hexadecimal(at + 1) < 0) return NULL;
            at += 4;
        } else if (!strchr("\"\\/bfnrt", *at) || !*at) {
            return NULL;
        }
    }
    return at < end ? at + 1 : NULL;
}

static const char *skip_number(const char *at, const char *end) {
    const char *first = at;
    while (at < end && ((*at >= '0' && *at <= '9') || (*at && strchr("+-.eE", *at)))) at++;
    return at > first ? at : NULL;
}

static const char *skip_word(const char *at, const char *end, const char *word) {
    size_t length = strlen(word);
    return (size_t)(end - at) >= length && !memcmp(at, word, length) ? at + length : NULL;
}

static const char *skip(const char *at, const char *end, int depth) {
    if (at == end || depth > DEEPEST) return NULL;
    if (*at == '"') return skip_string(at, end);
    if (*at == 't') return skip_word(at, end, "true");
    if (*at == 'f') return skip_word(at, end, "false");
    if (*at == 'n') return skip_word(at, end, "null");
    if (*at != '[' && *at != '{') return skip_number(at, end);
    bool object = *at == '{';
    char close = object ? '}' : ']';
    at = space(at + 1, end);
    if (at < end && *at == close) return at + 1;
    while (at < end) {
        if (object) {
            if (*at != '"' || !(at = skip_string(at, end))) return NULL;
            at = space(at, end);
            if (at == end || *at != ':') return NULL;
            at = space(at + 1, end);
        }
        if (!(at = skip(at, end, depth + 1))) return NULL;
        at = space(at, end);
        if (at < end && *at == close) return at + 1;
        if (at == end || *at != ',') return NULL;
        at = space(at + 1, end);
    }
    return NULL;
}

/* The first element or key of a well-formed list or object, and the one behind the value at `at`; NULL: none. */
static const char *first(const char *at, const char *end) {
    at = space(at + 1, end);
    return *at == ']' || *at == '}' ? NULL : at;
}

static const char *next(const char *at, const char *end) {
    at = space(skip(at, end, 0), end);
    return *at == ',' ? space(at + 1, end) : NULL;
}

static bool is(const char *at, const char *end, const char *text) {
    size_t length = strlen(text);
    bool room = at && *at == '"' && (size_t)(end - at) > length + 1;
    return room && !memcmp(at + 1, text, length) && at[length + 1] == '"';
}

/* The value of a key of a well-formed object (the first of that name); NULL when `at` is no object or has none such. */
static const char *member(const char *at, const char *end, const char *key) {
    if (!at || *at != '{') return NULL;
    for (at = first(at, end); at; at = next(at, end)) {
        bool found = is(at, end, key);
        at = space(space(skip_string(at, end), end) + 1, end);
        if (found) return at;
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------- SimHash */

struct sums {
    int64_t bit[64];
    uint64_t words;
};

static uint64_t fnv(uint64_t hash, unsigned char byte) { return (hash ^ byte) * 0x100000001b3u; }

static uint64_t fnv_utf8(uint64_t hash, uint32_t c) {
    if (c < 0x80) return fnv(hash, (unsigned char)c);
    if (c < 0x800) return fnv(fnv(hash, (unsigned char)(0xc0 | c >> 6)), (unsigned char)(0x80 | (c & 63)));
    if (c < 0x10000) hash = fnv(hash, (unsigned char)(0xe0 | c >> 12));
    else hash = fnv(fnv(hash, (unsigned char)(0xf0 | c >> 18)), (unsigned char)(0x80 | (c >> 12 & 63)));
    return fnv(fnv(hash, (unsigned char)(0x80 | (c >> 6 & 63))), (unsigned char)(0x80 | (c & 63)));
}

/* The hash of a well-formed string, as if its escapes had never been. */
static uint64_t hash_string(const char *at) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (at++; *at != '"'; at++) {
        if (*at != '\\') {
            hash = fnv(hash, (unsigned char)*at);
            continue;
        }
        switch (*++at) {
        case 'b': hash = fnv(hash, '\b'); break;
        case 'f': hash = fnv(hash, '\f'); break;
        case 'n': hash = fnv(hash, '\n'); break;
        case 'r': hash = fnv(hash, '\r'); break;
        case 't': hash = fnv(hash, '\t'); break;
        case 'u': {
            uint32_t c = (uint32_t)hexadecimal(at + 1);
            at += 4;
            if (c >= 0xd800 && c < 0xdc00 && at[1] == '\\' && at[2] == 'u') { /* well formed: four digits stand there */
                uint32_t low = (uint32_t)hexadecimal(at + 3);
                if (low >= 0xdc00 && low < 0xe000) {
                    c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
                    at += 6;
                }
            }
            hash = fnv_utf8(hash, c);
            break;
        }
        default: hash = fnv(hash, (unsigned char)*at);
        }
    }
    /* FNV leaves the highest bits of short words alike; this spreads them (the end of MurmurHash3). */
    hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdu;
    hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53u;
    return hash ^ hash >> 33;
}

/* Add all strings of a well-formed list, lists in it included. False when anything else stands in it. */
static bool add(struct sums *sums, const char *list, const char *end) {
    for (const char *at = first(list, end); at; at = next(at, end)) {
        if (*at == '[') {
            if (!add(sums, at, end)) return false;
            continue;
        }
        if (*at != '"') return false;
        uint64_t hash = hash_string(at);
        for (int i = 0; i < 64; i++) sums->bit[i] += hash >> i & 1 ? 1 : -1;
        sums->words++;
    }
    return true;
}

/* Shape must be [N] with as many words. */
static bool counted(const char *shape, const char *end, uint64_t words) {
    const char *size = shape && *shape == '[' ? first(shape, end) : NULL;
    char *behind = NULL;
    if (!size || next(size, end)) return false;
    errno = 0;
    uint64_t told = strtoull(size, &behind, 10); /* the text goes on, so it ends where the number does */
    return !errno && *size >= '0' && *size <= '9' && behind == skip_number(size, end) && told == words;
}

/* What is wrong with a request, or NULL and its answer in `out`. */
static const char *infer(const char *body, const char *end, char *out, size_t room) {
    const char *root = space(body, end), *input = NULL;
    const char *behind = skip(root, end, 0);
    if (!behind || space(behind, end) != end || *root != '{') return "the body is no JSON object";
    const char *inputs = member(root, end, "inputs");
    if (inputs && *inputs == '[') input = first(inputs, end);
    if (!input || next(input, end) || !is(member(input, end, "name"), end, "words")) return "one input is taken: words";
    if (!is(member(input, end, "datatype"), end, "BYTES")) return "input words is BYTES";
    const char *data = member(input, end, "data"), *id = member(root, end, "id");
    struct sums sums = {0};
    if (!data || *data != '[' || !add(&sums, data, end)) return "data of input words must be a list of strings";
    if (!sums.words) return "input words has at least one element";
    if (!counted(member(input, end, "shape"), end, sums.words)) return "shape of input words must be [number of words]";
    const char *outputs = member(root, end, "outputs");
    for (const char *at = outputs && *outputs == '[' ? first(outputs, end) : NULL; at; at = next(at, end))
        if (!is(member(at, end, "name"), end, "hash")) return "there is one output: hash";
    uint64_t hash = 0;
    for (int i = 0; i < 64; i++) hash |= (uint64_t)(sums.bit[i] > 0) << i;
    long length = id && *id == '"' ? (long)(skip_string(id, end) - id) : 0;
    bool echoed = length > 0 && length <= LONGEST_ID;
    snprintf(out, room,
             "{\"model_name\":\"simhash\",\"model_version\":\"1\",%s%.*s%s\"outputs\":[{\"name\":\"hash\","
             "\"datatype\":\"UINT64\",\"shape\":[1],\"data\":[%llu]}]}",
             echoed ? "\"id\":" : "", echoed ? (int)length : 0, echoed ? id : "", echoed ? "," : "",
             (unsigned long long)hash);
    return NULL;
}

/* ---------------------------------------------------------------------------------------- HTTP */

struct connection {
    int wire;
    char *text;
    size_t size, room;
};

static volatile sig_atomic_t leaving;

static void leave(int number) {
    (void)number;
    leaving = 1;
}

static void hang_up(struct connection *one) {
    close(one->wire);
    free(one->text);
    *one = (struct connection){.wire = -1};
}

/* False when the client does not take it: an answer is far smaller than what the kernel keeps for it. */
static bool say(int wire, int status, const char *reason, const char *body, bool keep) {
    char text[2048];
    int length = snprintf(text, sizeof text,
                          "HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n%s\r\n%s",
                          status, reason, strlen(body), keep ? "" : "connection: close\r\n", body);
    return length > 0 && (size_t)length < sizeof text && send(wire, text, (size_t)length, MSG_NOSIGNAL) == length;
}

static bool refuse(int wire, int status, const char *reason, const char *problem, bool keep) {
    char body[256];
    snprintf(body, sizeof body, "{\"error\":\"%s\"}", problem);
    return say(wire, status, reason, body, keep);
}

/* The value of a header in a head that ends in an empty line; NULL when it is not there, and its length. */
static const char *header(const char *head, const char *end, const char *name, size_t *length, int *times) {
    size_t wanted = strlen(name);
    const char *found = NULL;
    *times = 0;
    const char *line = head;
    while ((line = memchr(line, '\n', (size_t)(end - line)))) {
        if ((size_t)(end - ++line) <= wanted) break;
        if (strncasecmp(line, name, wanted) || line[wanted] != ':') continue;
        const char *value = line + wanted + 1, *stop = memchr(value, '\r', (size_t)(end - value));
        if (!stop) break;
        while (value < stop && (*value == ' ' || *value == '\t')) value++;
        while (stop > value && (stop[-1] == ' ' || stop[-1] == '\t')) stop--;
        found = value;
        *length = (size_t)(stop - value);
        ++*times;
    }
    return found;
}

static bool at_path(const char *path, size_t length, const char *wanted) {
    return length == strlen(wanted) && !memcmp(path, wanted, length);
}

static bool of_model(const char *path, size_t length, const char *behind) {
    char plain[64], versioned[64];
    snprintf(plain, sizeof plain, "/v2/models/simhash%s", behind);
    snprintf(versioned, sizeof versioned, "/v2/models/simhash/versions/1%s", behind);
    return at_path(path, length, plain) || at_path(path, length, versioned);
}

/* Answer one whole request. False: hang up. */
static bool answer(int wire, const char *head, const char *body, const char *end, bool keep) {
    char out[1024];
    const char *stop = memchr(head, '\r', (size_t)(body - head)), *path = memchr(head, ' ', (size_t)(stop - head));
    const char *behind = path ? memchr(path + 1, ' ', (size_t)(stop - path - 1)) : NULL;
    if (!behind || stop - behind != 9 || memcmp(behind, " HTTP/1.1", 9)) {
        refuse(wire, 400, "Bad Request", "this is no request of HTTP/1.1", false);
        return false;
    }
    bool get = path - head == 3 && !memcmp(head, "GET", 3), post = path - head == 4 && !memcmp(head, "POST", 4);
    size_t length = (size_t)(behind - ++path);
    bool named = of_model(path, length, ""), asked = of_model(path, length, "/infer");
    bool ready = of_model(path, length, "/ready");
    bool well = at_path(path, length, "/v2/health/ready") || at_path(path, length, "/v2/health/live");
    bool server = at_path(path, length, "/v2");
    if (!named && !asked && !ready && !well && !server)
        return refuse(wire, 404, "Not Found", "nothing is here", keep) && keep;
    if (asked ? !post : !get)
        return refuse(wire, 405, "Method Not Allowed", "this path has another method", keep) && keep;
    if (asked) {
        const char *problem = infer(body, end, out, sizeof out);
        return (problem ? refuse(wire, 400, "Bad Request", problem, keep) : say(wire, 200, "OK", out, keep)) && keep;
    }
    const char *text = named    ? METADATA
                       : server ? "{\"name\":\"simhash\",\"version\":\"1\",\"extensions\":[]}"
                       : ready  ? "{\"name\":\"simhash\",\"ready\":true}"
                                : "{\"ready\":true}";
    return say(wire, 200, "OK", text, keep) && keep;
}

/* Answer what is whole in the buffer. False: hang up. */
static bool work(struct connection *one) {
    for (;;) {
        if (!one->size) return true;
        const char *head = one->text, *mark = memmem(head, one->size, "\r\n\r\n", 4);
        if (!mark && one->size <= MOST_HEAD) return true;
        if (!mark || mark - head > MOST_HEAD || memchr(head, 0, (size_t)(mark - head))) {
            refuse(one->wire, 431, "Request Header Fields Too Large", "the head is too large, or none", false);
            return false;
        }
        const char *body = mark + 4;
        size_t length = 0, told = 0, size = 0;
        int times = 0;
        if (header(head, body, "transfer-encoding", &length, &times)) {
            refuse(one->wire, 411, "Length Required", "a body comes with its content-length", false);
            return false;
        }
        const char *value = header(head, body, "content-length", &told, &times);
        bool number = value ? told > 0 && told < 10 && times == 1 : true;
        for (size_t i = 0; value && number && i < told; i++) {
            number = value[i] >= '0' && value[i] <= '9';
            size = size * 10 + (size_t)(value[i] - '0');
        }
        if (!number || size > MOST_BODY) {
            if (number) refuse(one->wire, 413, "Content Too Large", "the body is too large", false);
            else refuse(one->wire, 400, "Bad Request", "content-length is no number", false);
            return false;
        }
        size_t whole = (size_t)(body - head) + size;
        if (one->size < whole) return true;
        value = header(head, body, "connection", &told, &times);
        bool keep = !leaving && !(value && told == 5 && !strncasecmp(value, "close", 5));
        if (!answer(one->wire, head, body, body + size, keep)) return false;
        memmove(one->text, one->text + whole, one->size - whole);
        one->size -= whole;
        if (!one->size && one->room > KEPT) { /* one large request shall not be remembered for ever */
            free(one->text);
            one->text = NULL;
            one->room = 0;
        }
    }
}

/* Read what has come and answer it. False: hang up. */
static bool hear(struct connection *one) {
    if (one->size == one->room) {
        size_t room = one->room ? one->room * 2 : 4096;
        char *text = room <= 2 * ((size_t)MOST_HEAD + MOST_BODY) ? realloc(one->text, room) : NULL;
        if (!text) return false;
        one->text = text;
        one->room = room;
    }
    ssize_t got = recv(one->wire, one->text + one->size, one->room - one->size, 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    one->size += (size_t)got;
    return work(one);
}

static int listen_at(const char *where) {
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    struct sockaddr_in port = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    bool tcp = !strchr(where, '/');
    int wire = socket(tcp ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    if (!tcp && strlen(where) >= sizeof path.sun_path) return -1;
    strncpy(path.sun_path, where, sizeof path.sun_path - 1);
    port.sin_port = htons((uint16_t)atoi(where));
    if (tcp) setsockopt(wire, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    else unlink(where);
    const struct sockaddr *address = tcp ? (struct sockaddr *)&port : (struct sockaddr *)&path;
    socklen_t size = tcp ? sizeof port : sizeof path;
    return wire >= 0 && !bind(wire, address, size) && !listen(wire, 128) ? wire : -1;
}

int main(int count, char **words) {
    static struct connection all[MOST_CONNECTIONS];
    static struct pollfd wait[MOST_CONNECTIONS + 1];
    int listening = count == 2 ? listen_at(words[1]) : -1;
    if (listening < 0) {
        fprintf(stderr, "usage: simhash SOCKET | PORT (%s)\n", strerror(errno));
        return 2;
    }
    struct sigaction action = {.sa_handler = leave};
    sigaction(SIGTERM, &action, NULL);
    for (int i = 0; i < MOST_CONNECTIONS; i++) all[i].wire = -1;
    for (int turns = 0; turns < 50;) {
        int under_way = 0, free_place = -1;
        for (int i = 0; i < MOST_CONNECTIONS; i++) {
            if (all[i].wire >= 0 && leaving && !all[i].size) hang_up(&all[i]);
            if (all[i].wire < 0) free_place = i;
            under_way += all[i].size > 0;
            wait[i] = (struct pollfd){.fd = all[i].wire, .events = POLLIN};
        }
        if (leaving && !under_way) break;
        turns += leaving ? 1 : 0; /* of a tenth of a second, at most */
        wait[MOST_CONNECTIONS] = (struct pollfd){.fd = leaving || free_place < 0 ? -1 : listening, .events = POLLIN};
        if (poll(wait, MOST_CONNECTIONS + 1, leaving ? 100 : 1000) < 0) continue;
        for (int i = 0; i < MOST_CONNECTIONS; i++)
            if (all[i].wire >= 0 && wait[i].revents && !hear(&all[i])) hang_up(&all[i]);
        if (wait[MOST_CONNECTIONS].revents) {
            int wire = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (wire >= 0) all[free_place] = (struct connection){.wire = wire};
        }
    }
    return 0;
}
