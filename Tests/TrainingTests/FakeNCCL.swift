import Foundation

/// A library with NCCL's functions whose processes are threads and whose GPUs are the host: what our
/// side asks of NCCL is tested without a GPU. Compiled by the test.
enum FakeNCCL {
    static let compiler = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").flatMap { ["\($0)/cc", "\($0)/clang"] }
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    static func build(in folder: URL) throws -> String {
        let (source, library) = (folder.appending(path: "nccl.c"), folder.appending(path: "libnccl.so.2"))
        try Data(code.utf8).write(to: source)
        let process = Process()
        process.executableURL = URL(filePath: compiler ?? "/usr/bin/cc")
        process.arguments = ["-shared", "-fPIC", "-pthread", "-o", library.path, source.path]
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CocoaError(.executableLoad) }
        return library.path
    }

    /// A number that the library counts with, or fails by.
    private static func number(_ name: String, of library: String) -> UnsafeMutablePointer<Int32>? {
        dlopen(library, RTLD_NOW).flatMap { dlsym($0, name) }?.assumingMemoryBound(to: Int32.self)
    }

    static func read(_ name: String, of library: String) -> Int32 { number(name, of: library)?.pointee ?? -1 }
    static func write(_ value: Int32, to name: String, of library: String) { number(name, of: library)?.pointee = value }

    // As in NCCL, calls between ncclGroupStart and ncclGroupEnd take effect at the end, sends before
    // receives, and a message has one sender and one receiver.
    private static let code = #"""
        #include <pthread.h>
        #include <stdlib.h>
        #include <string.h>
        enum { MOST = 8, QUEUE = 64 };
        typedef struct { char internal[128]; } id_t_;
        struct message { void *bytes; size_t count; };
        struct line { struct message queue[QUEUE]; int put, taken; };
        struct world { int joined[MOST + 1]; struct line lines[2][MOST][MOST]; } world;
        struct comm { int rank, size; };
        struct call { int sends; const void *from; void *to; size_t count; int peer; struct comm *comm; };
        static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
        static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
        static _Thread_local struct call calls[2 * MOST];
        static _Thread_local int depth, queued;
        int fake_sends, fake_gathers, fake_left, fake_failure;

        static void put(struct line *line, const void *from, size_t count) {
            pthread_mutex_lock(&lock);
            struct message *m = &line->queue[line->put++ % QUEUE];
            m->bytes = malloc(count + 1), m->count = count;
            memcpy(m->bytes, from, count);
            pthread_cond_broadcast(&changed);
            pthread_mutex_unlock(&lock);
        }
        static int take(struct line *line, void *to, size_t count) {
            pthread_mutex_lock(&lock);
            while (line->put == line->taken) pthread_cond_wait(&changed, &lock);
            struct message *m = &line->queue[line->taken++ % QUEUE];
            int status = m->count == count ? 0 : 4;
            if (!status) memcpy(to, m->bytes, count);
            free(m->bytes);
            pthread_mutex_unlock(&lock);
            return status;
        }
        int ncclGetVersion(int *v) { *v = 21903; return 0; }
        const char *ncclGetErrorString(int e) { return e == 5 ? "invalid usage" : "another error"; }
        int ncclGetUniqueId(id_t_ *id) { memset(id, 7, sizeof *id); return 0; }
        int ncclCommInitRank(struct comm **c, int size, id_t_ id, int rank) {
            if (fake_failure == 1) return 5;
            if (id.internal[0] != 7 || id.internal[127] != 7) return 4;
            *c = malloc(sizeof **c), (*c)->rank = rank, (*c)->size = size;
            pthread_mutex_lock(&lock);
            int target = (world.joined[size] / size + 1) * size;
            world.joined[size]++;
            pthread_cond_broadcast(&changed);
            while (world.joined[size] < target) pthread_cond_wait(&changed, &lock);
            pthread_mutex_unlock(&lock);
            return 0;
        }
        int ncclCommDestroy(struct comm *c) { free(c); __sync_add_and_fetch(&fake_left, 1); return 0; }
        int ncclCommAbort(struct comm *c) { free(c); return 0; }
        int ncclCommGetAsyncError(struct comm *c, int *e) { *e = fake_failure == 2 ? 6 : 0; return 0; }
        int ncclGroupStart(void) { depth++; return 0; }
        int ncclSend(const void *from, size_t n, int type, int peer, struct comm *c, void *stream) {
            if (type != 0 || stream || !depth) return 4;
            calls[queued++] = (struct call){1, from, 0, n, peer, c};
            __sync_add_and_fetch(&fake_sends, 1);
            return 0;
        }
        int ncclRecv(void *to, size_t n, int type, int peer, struct comm *c, void *stream) {
            if (type != 0 || stream || !depth) return 4;
            calls[queued++] = (struct call){0, 0, to, n, peer, c};
            return 0;
        }
        int ncclGroupEnd(void) {
            int status = 0;
            for (int pass = 1; pass >= 0; pass--)
                for (int i = 0; i < queued; i++) {
                    struct call *k = &calls[i];
                    if (k->sends != pass) continue;
                    if (pass) put(&world.lines[0][k->comm->rank][k->peer], k->from, k->count);
                    else status |= take(&world.lines[0][k->peer][k->comm->rank], k->to, k->count);
                }
            depth = queued = 0;
            return status;
        }
        int ncclAllGather(const void *from, void *to, size_t n, int type, struct comm *c, void *stream) {
            int status = 0;
            if (type != 0 || stream) return 4;
            for (int r = 0; r < c->size; r++) put(&world.lines[1][c->rank][r], from, n);
            for (int r = 0; r < c->size; r++) status |= take(&world.lines[1][r][c->rank], (char *)to + r * n, n);
            __sync_add_and_fetch(&fake_gathers, 1);
            return status;
        }
        """#
}
