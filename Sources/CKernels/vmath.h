// exp and related functions of vectors. Errors over all floats with normal results: 2.4 ulp on
// AVX-512, elsewhere up to 4 (exp, decay); up to 4.5 (softplus, sigmoid). exp, decay, sigmoid and
// softplus never fall where they should rise. Included inside each instruction set's namespace,
// after vec.h.
//
// All rest on 2^(k/G) 2^f with 0 <= f <= 1/G. They are monotone by construction: each step is one
// rounded operation on numbers >= 0 that grow with f, and the polynomial is exact at f = 0 and 1e-7
// too small at the right end, so that rounding cannot let the next piece start lower.

#if defined(VMK_AVX512)

/// G = 32. 2^(i/32) comes from a table in two registers (vpermt2ps); 2^f = 1 + c1 f + c2 f^2 with a
/// relative error of 1.05e-7 at the right end; vscalefps multiplies by a power of two, under- and
/// overflow included. In the scan's loop a core of Zen 5 does 1.5e10 updates per second; a
/// polynomial of degree five without a table 1.25e10; adding the exponent as an integer 1.05e10.
/// The table's instructions run on pipes that multiply-adds do not need.
struct Exp2 {
    __m512 low, high;

    VMK_INLINE Exp2 make() {
        alignas(64) static constexpr float powers[32] = {
            0x1p0f,        0x1.059b0ep0f, 0x1.0b5586p0f, 0x1.11301ep0f, 0x1.172b84p0f, 0x1.1d4874p0f, 0x1.2387a6p0f, 0x1.29e9ep0f,
            0x1.306fep0f,  0x1.371a74p0f, 0x1.3dea64p0f, 0x1.44e086p0f, 0x1.4bfdaep0f, 0x1.5342b6p0f, 0x1.5ab07ep0f, 0x1.6247ecp0f,
            0x1.6a09e6p0f, 0x1.71f75ep0f, 0x1.7a1148p0f, 0x1.82589ap0f, 0x1.8ace54p0f, 0x1.93737cp0f, 0x1.9c4918p0f, 0x1.a5503cp0f,
            0x1.ae89fap0f, 0x1.b7f77p0f,  0x1.c199bep0f, 0x1.cb720ep0f, 0x1.d5818ep0f, 0x1.dfc974p0f, 0x1.ea4afap0f, 0x1.f50766p0f};
        return {_mm512_load_ps(powers), _mm512_load_ps(powers + 16)};
    }

    /// x + 1.5 * 2^18, rounded down: the lowest bits are floor(32 x).
    VMK_INLINE vf in_32nds(vf x) { return _mm512_add_round_ps(x, vf(0x1.8p18f), _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }

    /// 2^(floor(32 x) / 32 + f), given t = in_32nds(x).
    __attribute__((always_inline)) vf power(vf x, vf t, vf f) const {
        const vf root = _mm512_permutex2var_ps(low, _mm512_castps_si512(t), high);
        const vf slope = fma(f, 0x1.f15490p-3f, 0x1.62e030p-1f);
        return _mm512_scalef_ps(fma(root * f, slope, root), x);
    }

    /// 2^x for x <= 0 down to -inf; NaN stays NaN. 2.4 ulp for the given x.
    __attribute__((always_inline)) vf decay(vf x) const {
        return power(x, in_32nds(x), _mm512_reduce_ps(x, 5 << 4 | _MM_FROUND_TO_NEG_INF));
    }

    /// e^x; the two parts of log2(e) keep f exact to 2^-24.
    __attribute__((always_inline)) vf exp(vf x) const {
        x = max(vf(-105.0f), min(vf(90.0f), x));
        const vf y = x * 0x1.715476p0f;
        const vf t = in_32nds(y), floor = t - 0x1.8p18f;
        return power(floor, t, fma(x, 0x1.4ae0cp-26f, fma(x, 0x1.715476p0f, -floor)));
    }

    /// e^x for x <= 0, where it may as well be 2^-126 if it is less.
    __attribute__((always_inline)) vf exp_of_negative(vf x) const { return exp(x); }
    /// e^x, where it may as well be 2^-126 if it is less.
    __attribute__((always_inline)) vf exp_within(vf x) const { return exp(x); }
    /// 2^x for x <= 0, where it may as well be 2^-126 if it is less.
    __attribute__((always_inline)) vf decay_of_step(vf x) const { return decay(x); }
};

#else

/// G = 1. 2^f by a polynomial of degree five, 1.2e-7 off at the right end.
struct Exp2 {
    /// The polynomial's coefficients and the other constants.
    enum {
        p5,
        p4,
        p3,
        p2,
        p1,
        one,
        least,
        shift,
        least_step,
        shift_step,
        least_power,
        sign,
        log2_e,
        log2_e_rest,
        q7,
        q6,
        q5,
        q4,
        q3,
        q2,
        q1,
        q0
    };

#if defined(VMK_AVX2)
    // Of sixteen registers the scan leaves none for constants. As whole vectors in memory they are
    // operands; otherwise the compiler broadcasts each of them anew, a fifth of all instructions.
    const vf *c;

    VMK_INLINE Exp2 make() {
#define VMK_WHOLE(x) { x, x, x, x, x, x, x, x }
        static const vf constants[] = {
            VMK_WHOLE(0x1.e4f474p-10f), VMK_WHOLE(0x1.2906eep-7f), VMK_WHOLE(0x1.c8bb70p-5f),  VMK_WHOLE(0x1.ebe504p-3f),
            VMK_WHOLE(0x1.62e46ap-1f),  VMK_WHOLE(1.0f),           VMK_WHOLE(-127.0f),         VMK_WHOLE(0x1.8p23f + 127.0f),
            VMK_WHOLE(-126.0f),         VMK_WHOLE(0x1.8p23f),      VMK_WHOLE(-87.0f),          VMK_WHOLE(-0.0f),
            VMK_WHOLE(0x1.715476p0f),   VMK_WHOLE(0x1.4ae0cp-26f), VMK_WHOLE(-0x1.5f96cap-8f), VMK_WHOLE(0x1.ec990cp-6f),
            VMK_WHOLE(-0x1.446bf6p-4f), VMK_WHOLE(0x1.19ad88p-3f), VMK_WHOLE(-0x1.884450p-3f), VMK_WHOLE(0x1.fd1320p-3f),
            VMK_WHOLE(-0x1.5535dap-2f), VMK_WHOLE(0x1.ffff14p-2f)};
#undef VMK_WHOLE
        const vf *c = constants;
        asm("" : "+r"(c));  // hides what they are
        return {c};
    }
#else
    vf c[10] = {0x1.e4f474p-10f, 0x1.2906eep-7f,     0x1.c8bb70p-5f, 0x1.ebe504p-3f, 0x1.62e46ap-1f, 1.0f,
                -127.0f,         0x1.8p23f + 127.0f, -126.0f,        0x1.8p23f};

    VMK_INLINE Exp2 make() {
        Exp2 exp2;
        hold(
            exp2.c[p5], exp2.c[p4], exp2.c[p3], exp2.c[p2], exp2.c[p1], exp2.c[one], exp2.c[least], exp2.c[shift], exp2.c[least_step],
            exp2.c[shift_step]);
        return exp2;
    }
#endif

    __attribute__((always_inline)) vf polynomial(vf f) const {
        vf p = fma(f, c[p5], c[p4]);
        p = fma(p, f, c[p3]);
        p = fma(p, f, c[p2]);
        p = fma(p, f, c[p1]);
        return fma(p, f, c[one]);
    }

    VMK_INLINE vf floor(vf x) {
#if defined(VMK_AVX2) || defined(__aarch64__) || defined(__wasm__)
        return __builtin_elementwise_floor(x);
#else
        const vf nearest = (x + 0x1.8p23f) - 0x1.8p23f;  // |x| < 2^22; SSE2 has no rounding
        return nearest > x ? nearest - 1.0f : nearest;
#endif
    }

    /// 2^n for a whole number -127 <= n < 128, where 2^-127 becomes 0. The sum's lowest bits are
    /// n + 127.
    __attribute__((always_inline)) vf power_of_two(vf n) const { return from_bits(bits(n + c[shift]) << 23); }

    /// 2^x for x <= 0, zero below 2^-126; NaN stays NaN. 3.6 ulp for the given x.
    __attribute__((always_inline)) vf decay(vf x) const {
        x = max(c[least], x);
        const vf n = floor(x);
        return polynomial(x - n) * power_of_two(n);
    }

    /// e^x, subnormal results included.
    __attribute__((always_inline)) vf exp(vf x) const {
        x = max(vf(-105.0f), min(vf(90.0f), x));
        const vf n = floor(x * 0x1.715476p0f);
        // ln 2 in two parts, the first with 15 bits, so that its products are exact.
        const vf f = ((x - n * 0x1.62e4p-1f) - n * 0x1.7f7d1cp-20f) * 0x1.715476p0f;
        const vf half = floor(n * 0.5f);
        return polynomial(f) * power_of_two(half) * power_of_two(n - half);
    }

    /// e^x for x <= 0, where it may as well be 2^-126 if it is less: the same numbers, faster.
    __attribute__((always_inline)) vf exp_of_negative(vf x) const { return exp_of_clamped(max(vf(-87.0f), x)); }

    /// e^x, where it may as well be 2^-126 if it is less.
    __attribute__((always_inline)) vf exp_within(vf x) const { return exp_of_clamped(max(vf(-87.0f), min(vf(89.0f), x))); }

    /// e^x for -87 <= x <= 89.
    __attribute__((always_inline)) vf exp_of_clamped(vf x) const {
        const vf n = floor(x * 0x1.715476p0f);
        const vf f = ((x - n * 0x1.62e4p-1f) - n * 0x1.7f7d1cp-20f) * 0x1.715476p0f;
        return polynomial(f) * power_of_two(n);
    }

    /// 2^x for x <= 0, where it may as well be 2^-126 if it is less: n is added to the exponent.
    __attribute__((always_inline)) vf decay_of_step(vf x) const {
        x = max(c[least_step], x);
        const vf n = floor(x);
        return from_bits(bits(polynomial(x - n)) + (bits(n + c[shift_step]) << 23));
    }

#if defined(VMK_AVX2)
#define VMK_EACH_OF_4(what) _Pragma("unroll") for (int i = 0; i < 4; i++) what

    /// decay_of_step of four vectors, one operation of all after the other: behind each other, the
    /// chains of thirty cycles would have to fit what a processor looks ahead. `clamp`: x may be
    /// less than -126.
    template <bool clamp> __attribute__((always_inline)) void decays_of_step(vf (&x)[4]) const {
        vf n[4];
        if constexpr (clamp) VMK_EACH_OF_4(x[i] = max(c[least_step], x[i]));
        VMK_EACH_OF_4(n[i] = floor(x[i]));
        VMK_EACH_OF_4(x[i] -= n[i]);
        two_to(x, n);
    }

    /// x <- 2^(n + x).
    __attribute__((always_inline)) void two_to(vf (&x)[4], vf (&n)[4]) const {
        vf p[4];
        VMK_EACH_OF_4(n[i] = from_bits(bits(n[i] + c[shift_step]) << 23));
        VMK_EACH_OF_4(p[i] = fma(x[i], c[p5], c[p4]));
        VMK_EACH_OF_4(p[i] = fma(p[i], x[i], c[p3]));
        VMK_EACH_OF_4(p[i] = fma(p[i], x[i], c[p2]));
        VMK_EACH_OF_4(p[i] = fma(p[i], x[i], c[p1]));
        VMK_EACH_OF_4(p[i] = fma(p[i], x[i], c[one]));
        VMK_EACH_OF_4(x[i] = from_bits(bits(p[i]) + bits(n[i])));
    }

    /// softplus of four vectors, for steps: to 2 ulp and down to 2^-126, but around zero not
    /// monotone.
    __attribute__((always_inline)) void softplus_of_steps(vf (&x)[4]) const {
        vf u[4], n[4], q[4];
        VMK_EACH_OF_4(u[i] = max(c[least_power], from_bits(bits(x[i]) | bits(c[sign]))));
        VMK_EACH_OF_4(n[i] = floor(u[i] * c[log2_e]));
        VMK_EACH_OF_4(q[i] = fma(u[i], c[log2_e], -n[i]));
        VMK_EACH_OF_4(u[i] = fma(u[i], c[log2_e_rest], q[i]));
        two_to(u, n);
        // log(1 + u) = u - u^2 Q(u), error 4e-8.
        VMK_EACH_OF_4(q[i] = fma(u[i], c[q7], c[q6]));
        VMK_EACH_OF_4(q[i] = fma(q[i], u[i], c[q5]));
        VMK_EACH_OF_4(q[i] = fma(q[i], u[i], c[q4]));
        VMK_EACH_OF_4(q[i] = fma(q[i], u[i], c[q3]));
        VMK_EACH_OF_4(q[i] = fma(q[i], u[i], c[q2]));
        VMK_EACH_OF_4(q[i] = fma(q[i], u[i], c[q1]));
        VMK_EACH_OF_4(q[i] = fma(q[i], u[i], c[q0]));
        VMK_EACH_OF_4(q[i] = fma(-(u[i] * u[i]), q[i], u[i]));
        VMK_EACH_OF_4(x[i] = max(vf(0.0f), x[i]) + q[i]);
    }
#endif
};

#endif

VMK_INLINE vf exp(vf x) { return Exp2::make().exp(x); }
VMK_INLINE vf sigmoid(vf x) { return 1.0f / (1.0f + Exp2::make().exp_within(-x)); }
VMK_INLINE vf silu(vf x) { return x / (1.0f + Exp2::make().exp_within(-x)); }

/// log(1 + e^x) = max(x, 0) + log1p(e^-|x|), given u = e^-|x|. Around zero one term falls while the
/// other rises, and their rounding errors would show as steps down; there it is x/2 + an even
/// polynomial instead.
VMK_INLINE vf softplus_far(vf u, vf x) {
    // Where it counts, u is 0...0.61: log1p(u) = u - u^2 Q(u), error 1.2e-8.
    vf q = fma(u, 0x1.50e086p-6f, -0x1.310cbep-4f);
    q = fma(q, u, 0x1.1b2862p-3f);
    q = fma(q, u, -0x1.8b119ep-3f);
    q = fma(q, u, 0x1.fdf7c6p-3f);
    q = fma(q, u, -0x1.5543a2p-2f);
    q = fma(q, u, 0x1.ffff96p-2f);
    return max(vf(0.0f), x) + fma(-(u * u), q, u);
}
VMK_INLINE vf softplus_near(vf x) {
    // For |x| <= 1: log(2 cosh(x/2)) - log 2, error 5e-9.
    const vf s = x * x;
    vf even = fma(s, -0x1.6d986cp-16f, 0x1.6841bap-12f);
    even = fma(even, s, -0x1.55418cp-8f);
    even = fma(even, s, 0x1.ffffe0p-4f);
    return fma(x, 0.5f, even * s) + 0x1.62e430p-1f;
}
VMK_INLINE vi is_near_zero(vf x) { return (x > -0.5f) & (x < 1.0f); }
VMK_INLINE vf softplus_given(vf u, vf x) { return is_near_zero(x) ? softplus_near(x) : softplus_far(u, x); }
VMK_INLINE vf softplus(vf x, const Exp2 &exp2) { return softplus_given(exp2.exp(-abs(x)), x); }

/// softplus where vectors are seldom around zero, as the scan's steps are; 2^-126 may stand for
/// less.
VMK_INLINE vf softplus_of_step(vf x, const Exp2 &exp2) {
    const vf far = softplus_far(exp2.exp_of_negative(-abs(x)), x);
    const vi near = is_near_zero(x);
    return any(near) ? (near ? softplus_near(x) : far) : far;
}

/// softplus, and its slope: the sigmoid.
VMK_INLINE vf softplus(vf x, const Exp2 &exp2, vf &slope) {
    const vf u = exp2.exp(-abs(x));
    slope = (x > 0.0f ? 1.0f : u) / (1.0f + u);
    return softplus_given(u, x);
}
VMK_INLINE vf softplus(vf x) { return softplus(x, Exp2::make()); }
VMK_INLINE vf decay(vf x) { return Exp2::make().decay(x); }
