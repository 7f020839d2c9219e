// A vector of `width` floats and the few operations that kernels need beyond + - * / and
// comparison. Included inside each instruction set's namespace, so without an include guard.

constexpr int64_t width = VMK_WIDTH;

typedef float vf __attribute__((ext_vector_type(VMK_WIDTH)));
typedef int32_t vi __attribute__((ext_vector_type(VMK_WIDTH)));
typedef uint32_t vu __attribute__((ext_vector_type(VMK_WIDTH)));
typedef uint16_t vh __attribute__((ext_vector_type(VMK_WIDTH)));

#define VMK_INLINE __attribute__((always_inline)) static inline

VMK_INLINE vi bits(vf x) { return __builtin_bit_cast(vi, x); }
VMK_INLINE vf from_bits(vi x) { return __builtin_bit_cast(vf, x); }

VMK_INLINE vf load(const float *p) {
    vf x;
    __builtin_memcpy(&x, p, sizeof x);
    return x;
}
VMK_INLINE void store(float *p, vf x) { __builtin_memcpy(p, &x, sizeof x); }

/// The first `count` (0...width) floats, then zeros; touches no memory beyond them.
VMK_INLINE vf load_first(const float *p, int64_t count) {
#if defined(VMK_AVX512)
    return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p);
#else
    float x[VMK_WIDTH] = {};
    for (int64_t i = 0; i < count; i++) x[i] = p[i];
    return load(x);
#endif
}
VMK_INLINE void store_first(float *p, vf x, int64_t count) {
#if defined(VMK_AVX512)
    _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), x);
#else
    for (int64_t i = 0; i < count; i++) p[i] = x[i];
#endif
}

// bfloat16 is the upper half of a float32.
VMK_INLINE vf load(const uint16_t *p) {
    vh x;
    __builtin_memcpy(&x, p, sizeof x);
    return __builtin_bit_cast(vf, __builtin_convertvector(x, vu) << 16);
}
VMK_INLINE vf load_first(const uint16_t *p, int64_t count) {
    uint16_t x[VMK_WIDTH] = {};
    for (int64_t i = 0; i < count; i++) x[i] = p[i];
    return load(x);
}
/// Rounds to nearest even; NaN stays NaN.
VMK_INLINE vh to_bfloat16(vf x) {
    const vu u = __builtin_bit_cast(vu, x);
    const vu rounded = u + 0x7fff + ((u >> 16) & 1);
    const vu quiet = u | 0x400000;
    return __builtin_convertvector((x == x ? rounded : quiet) >> 16, vh);
}
VMK_INLINE void store(uint16_t *p, vf x) {
    const vh h = to_bfloat16(x);
    __builtin_memcpy(p, &h, sizeof h);
}
VMK_INLINE void store_first(uint16_t *p, vf x, int64_t count) {
    const vh h = to_bfloat16(x);
    for (int64_t i = 0; i < count; i++) p[i] = h[i];
}

/// a * b + c, rounded once where the set has such an instruction. On x86-64 without it, fmaf would
/// be a call for each number. Relaxed WebAssembly rounds as the browser's processor does.
VMK_INLINE vf fma(vf a, vf b, vf c) {
#if defined(__wasm_relaxed_simd__)
    return __builtin_wasm_relaxed_madd_f32x4(a, b, c);
#elif defined(VMK_AVX512) || defined(VMK_AVX2) || defined(__aarch64__)
    return __builtin_elementwise_fma(a, b, c);
#else
    return a * b + c;
#endif
}

/// Keeps constants in variables: WebAssembly's compiler otherwise makes them anew at each use.
template <class... V> VMK_INLINE void hold([[maybe_unused]] V &...x) {
#if defined(__wasm__)
    const auto one = [](vf &x) __attribute__((always_inline)) { asm("" : "+r"(x)); };
    (one(x), ...);
#endif
}

/// Ends a step whose order must stay. WebAssembly's compiler otherwise moves the steps of a tile
/// until its sums no longer fit the fifteen registers that browsers have on x86-64: twice the time.
VMK_INLINE void end_step([[maybe_unused]] vf &x) {
#if defined(__wasm__)
    asm volatile("" : "+r"(x));
#endif
}

/// Return `b` if either is NaN.
VMK_INLINE vf min(vf a, vf b) { return a < b ? a : b; }
VMK_INLINE vf max(vf a, vf b) { return a > b ? a : b; }
VMK_INLINE vf abs(vf x) { return from_bits(bits(x) & 0x7fffffff); }

/// True if a comparison holds in any lane.
VMK_INLINE bool any(vi comparison) {
#if defined(VMK_AVX512)
    return _mm512_movepi32_mask(__builtin_bit_cast(__m512i, comparison)) != 0;
#elif defined(VMK_AVX2)
    return _mm256_movemask_ps(__builtin_bit_cast(__m256, comparison)) != 0;
#else
    return __builtin_reduce_or(comparison) != 0;
#endif
}

/// Adds the lanes in a fixed tree, halves onto each other.
VMK_INLINE float sum(vf x) {
    float v[VMK_WIDTH];
    store(v, x);
    for (int64_t half = width / 2; half > 0; half /= 2)
        for (int64_t i = 0; i < half; i++) v[i] += v[i + half];
    return v[0];
}
