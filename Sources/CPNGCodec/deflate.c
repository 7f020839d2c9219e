// Compresses filtered rows as DEFLATE (RFC 1951): Huffman codes for bytes and for runs of one byte.
//
// Filtering leaves noise in a photograph and zeros in a mask. Neither gains by a search for longer
// matches, and without one this takes a quarter of zlib's time for its Z_RLE.
#include <stdlib.h>
#include <string.h>

#include "include/CPNGCodec.h"

enum {
    symbols = 286,  // bytes, the end, 29 lengths of runs
    end_of_block = 256,
    longest_code = 15,
    shortest_run = 4,  // found by comparing four bytes
    longest_run = 258
};

// ---- lengths of runs

typedef struct {
    uint16_t symbol[longest_run + 1];
    uint8_t extra_bits[longest_run + 1];
    uint8_t extra[longest_run + 1];
} lengths;

// Symbols 257 to 264 stand for one length each, then four in a row share their number of extra
// bits; 285 is 258.
static void fill(lengths *table) {
    int length = 3;
    for (int symbol = 257; symbol < 285; symbol++) {
        const int bits = symbol < 265 ? 0 : (symbol - 261) / 4;
        for (int extra = 0; extra < 1 << bits && length <= longest_run; extra++, length++) {
            table->symbol[length] = (uint16_t)symbol;
            table->extra_bits[length] = (uint8_t)bits;
            table->extra[length] = (uint8_t)extra;
        }
    }
    table->symbol[longest_run] = 285;
    table->extra_bits[longest_run] = table->extra[longest_run] = 0;
}

// Counts the bytes from `at` on that equal the one before; 0 if fewer than the shortest run.
static inline size_t run_at(const uint8_t *in, size_t at, size_t count) {
    uint32_t here, before;
    if (at == 0 || count - at < shortest_run) return 0;
    memcpy(&here, in + at, sizeof here);
    memcpy(&before, in + at - 1, sizeof before);
    if (here != before) return 0;
    const size_t most = count - at < longest_run ? count - at : longest_run;
    size_t length = shortest_run;
    for (uint64_t wide, wide_before; length + 8 <= most; length += 8) {
        memcpy(&wide, in + at + length, sizeof wide);
        memcpy(&wide_before, in + at + length - 1, sizeof wide_before);
        if (wide != wide_before) break;
    }
    while (length < most && in[at + length] == in[at - 1]) length++;
    return length;
}

// ---- codes

static int by_count(const void *a, const void *b) {
    const uint32_t *x = a, *y = b;  // count, symbol: no two are equal
    if (x[0] != y[0]) return x[0] < y[0] ? -1 : 1;
    return x[1] < y[1] ? -1 : x[1] > y[1];
}

// Huffman codes of at most fifteen bits for the symbols that occur, their bits in the order in
// which they are written. Two at least must occur.
static void make_codes(const uint32_t *counts, uint16_t *codes, uint8_t *bits) {
    uint32_t leaves[symbols][2], weight[symbols];
    int parent[2 * symbols], depth[2 * symbols], used = 0, made = 0, leaf = 0, node = 0;
    for (uint32_t s = 0; s < symbols; s++) {
        codes[s] = 0, bits[s] = 0;
        if (counts[s]) leaves[used][0] = counts[s], leaves[used++][1] = s;
    }
    qsort(leaves, (size_t)used, sizeof leaves[0], by_count);
    // Both leaves and inner nodes come in order of weight: the two lightest are at their heads.
    for (; made < used - 1; made++) {
        weight[made] = 0;
        for (int child = 0; child < 2; child++) {
            if (leaf < used && (node == made || leaves[leaf][0] <= weight[node]))
                weight[made] += leaves[leaf][0], parent[leaf++] = used + made;
            else
                weight[made] += weight[node], parent[used + node++] = used + made;
        }
    }
    int of_length[longest_code + 1] = {0};
    depth[used + made - 1] = 0;
    for (int i = used + made - 2; i >= 0; i--) {
        depth[i] = depth[parent[i]] + 1;
        if (i < used) of_length[depth[i] < longest_code ? depth[i] : longest_code]++;
    }
    // Codes that were cut to fifteen bits take more room than there is. Lengthening a shorter one
    // gives each of them its share back.
    uint32_t room = 0;
    for (int length = 1; length <= longest_code; length++) room += (uint32_t)of_length[length] << (longest_code - length);
    for (; room > 1u << longest_code; room--) {
        int length = longest_code - 1;
        while (of_length[length] == 0) length--;
        of_length[length]--, of_length[length + 1] += 2, of_length[longest_code]--;
    }
    // The rarest get the longest; codes of a length are numbered by symbol.
    for (int length = longest_code, i = 0; length > 0; length--)
        for (int n = 0; n < of_length[length]; n++) bits[leaves[i++][1]] = (uint8_t)length;
    uint32_t code = 0;
    for (int length = 1; length <= longest_code; length++, code <<= 1)
        for (int s = 0; s < symbols; s++) {
            if (bits[s] != length) continue;
            for (int bit = 0; bit < length; bit++) codes[s] |= (uint16_t)((code >> bit & 1) << (length - 1 - bit));
            code++;
        }
}

// ---- bits

typedef struct {
    uint64_t bits;
    int count;
    uint8_t *to;
} writer;

static inline void put(writer *w, uint32_t bits, int count) {
    w->bits |= (uint64_t)bits << w->count;
    w->count += count;
}

// Leaves fewer than eight bits, so that 56 more fit.
static inline void flush(writer *w) {
    for (int i = 0; i < 8; i++) w->to[i] = (uint8_t)(w->bits >> 8 * i);  // one instruction where bytes have this order
    w->to += w->count / 8;
    w->bits >>= w->count & ~7;
    w->count &= 7;
}

static void put_header(writer *w, int is_last, const uint8_t *bits) {
    static const uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    put(w, (uint32_t)is_last, 1);
    put(w, 2, 2);              // codes of this block's own
    put(w, symbols - 257, 5);  // their number
    put(w, 0, 5);              // one distance
    put(w, 19 - 4, 4);
    flush(w);
    // Lengths 0 to 15 take four bits each, as they are; nothing says that one is repeated.
    for (int i = 0; i < 19; i++) {
        put(w, order[i] < 16 ? 4 : 0, 3);
        flush(w);
    }
    for (int s = 0; s <= symbols; s++) {  // the last is the distance's: one bit
        const uint32_t length = s < symbols ? bits[s] : 1;
        put(w, (length & 1) << 3 | (length & 2) << 1 | (length & 4) >> 1 | length >> 3, 4);
        flush(w);
    }
}

size_t cpng_deflate_room(size_t count) { return 2 * count + 512; }

size_t cpng_deflate(const uint8_t *in, size_t count, int is_last, uint8_t *out) {
    lengths table;
    fill(&table);
    uint32_t counts[symbols] = {0};
    counts[end_of_block] = 1;
    for (size_t i = 0; i < count;) {
        const size_t run = run_at(in, i, count);
        counts[run ? table.symbol[run] : in[i]]++;
        i += run ? run : 1;
    }
    uint16_t codes[symbols];
    uint8_t bits[symbols];
    make_codes(counts, codes, bits);

    writer w = {0, 0, out};
    put_header(&w, is_last, bits);
    for (size_t i = 0; i < count;) {
        const size_t run = run_at(in, i, count);
        const int symbol = run ? table.symbol[run] : in[i];
        put(&w, codes[symbol], bits[symbol]);
        if (run) put(&w, table.extra[run], table.extra_bits[run] + 1);  // and the distance, one: a zero
        i += run ? run : 1;
        if (w.count > 56 - longest_code - 6) flush(&w);
    }
    put(&w, codes[end_of_block], bits[end_of_block]);
    flush(&w);
    if (!is_last) {
        // An empty stored block ends on a whole byte.
        put(&w, 0, 3);
        w.count = (w.count + 7) & ~7;
        flush(&w);
        put(&w, 0xffff0000, 32);
    }
    w.count = (w.count + 7) & ~7;
    flush(&w);
    return (size_t)(w.to - out);
}
