// LayerNorm alone, with the gate, with patch merging and with patch expanding, behind autograd.
#include "../CUDA/norm/norm.h"
#include "composite.h"
#include "kernels.h"

namespace ctorch {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

/// One value per row, written by forward and read by backward; undefined if no backward follows.
struct Statistics {
    at::Tensor mean, rstd;
    static Statistics of_rows(int64_t rows, const at::Tensor &like) {
        const at::Tensor mean = at::empty({rows}, like.options().dtype(at::kFloat));
        return {mean, at::empty_like(mean)};
    }
    float *mean_or_null() const { return mean.defined() ? mutable_floats(mean) : nullptr; }
    float *rstd_or_null() const { return rstd.defined() ? mutable_floats(rstd) : nullptr; }
};

/// Rows as x has them: LayerNorm alone.
struct PlainRows {
    using Norm = vmk_layer_norm;
    static constexpr auto kind = cuda::NormKind::plain;
    static int64_t count(const at::Tensor &x) { return row_count(x); }
    static at::Tensor result(const at::Tensor &x, at::ScalarType type) { return empty_rows(x, type); }
    static Norm shape(const at::Tensor &x) {
        Norm norm{};
        norm.rows = row_count(x), norm.channels = x.size(-1), norm.x_stride = row_stride(x);
        return norm;
    }
    static void forward(const Norm &norm, at::Tensor &y) { vmk_layer_norm_forward(&norm, type_of(y), y.mutable_data_ptr(), norm.channels); }
    static void backward(const Norm &norm, const at::Tensor &dy, float *dx, float *dweight, float *dbias) {
        const vmk_layer_norm_gradients d{dx, norm.channels, dweight, dbias};
        vmk_layer_norm_backward(&norm, type_of(dy), dy.const_data_ptr(), norm.channels, &d);
    }
};

/// Rows of four neighbours: patch merging.
struct MergedRows {
    using Norm = vmk_merge_norm;
    static constexpr auto kind = cuda::NormKind::merged;
    static int64_t count(const at::Tensor &x) { return row_count(x) / 4; }
    static at::Tensor result(const at::Tensor &x, at::ScalarType type) {
        return at::empty({x.size(0), x.size(1) / 2, x.size(2) / 2, 4 * x.size(3)}, x.options().dtype(type));
    }
    static Norm shape(const at::Tensor &x) {
        Norm norm{};
        norm.batch = x.size(0), norm.height = x.size(1), norm.width = x.size(2), norm.channels = x.size(3);
        return norm;
    }
    static void forward(const Norm &norm, at::Tensor &y) { vmk_merge_norm_forward(&norm, type_of(y), y.mutable_data_ptr()); }
    static void backward(const Norm &norm, const at::Tensor &dy, float *dx, float *dweight, float *dbias) {
        const vmk_merge_norm_gradients d{dx, dweight, dbias};
        vmk_merge_norm_backward(&norm, type_of(dy), dy.const_data_ptr(), &d);
    }
};

template <class Rows> struct RowNorm : torch::autograd::Function<RowNorm<Rows>> {
    static typename Rows::Norm arguments(const at::Tensor &x, const at::Tensor &weight, const Statistics &statistics) {
        auto norm = Rows::shape(x);
        norm.x = floats(x), norm.weight = floats(weight), norm.epsilon = norm_epsilon;
        norm.mean = statistics.mean_or_null(), norm.rstd = statistics.rstd_or_null();
        return norm;
    }
    static at::Tensor run(
        const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias, at::ScalarType type, const Statistics &statistics) {
        at::Tensor y = Rows::result(x, type);
        if (x.is_cuda()) {
            cuda::norm_forward({Rows::kind, x, weight, bias, {}, statistics.mean, statistics.rstd}, y);
            return y;
        }
        auto norm = arguments(x, weight, statistics);
        norm.bias = floats(bias);
        Rows::forward(norm, y);
        return y;
    }
    static at::Tensor forward(
        AutogradContext *context, const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias, int64_t type) {
        const auto statistics = Statistics::of_rows(Rows::count(x), x);
        context->save_for_backward({x, weight, statistics.mean, statistics.rstd});
        return run(x, weight, bias, static_cast<at::ScalarType>(type), statistics);
    }
    static variable_list backward(AutogradContext *context, variable_list gradients) {
        const auto saved = context->get_saved_variables();
        const at::Tensor &x = saved[0], &weight = saved[1], dy = gradients[0].contiguous();
        if (x.is_cuda()) {
            const auto d = cuda::norm_backward({Rows::kind, x, weight, {}, {}, saved[2], saved[3]}, dy);
            return {d.x, d.weight, d.bias, at::Tensor()};
        }
        at::Tensor dx = empty_rows(x, at::kFloat), dweight = at::empty_like(weight), dbias = at::empty_like(weight);
        Rows::backward(arguments(x, weight, {saved[2], saved[3]}), dy, mutable_floats(dx), mutable_floats(dweight), mutable_floats(dbias));
        return {dx, dweight, dbias, at::Tensor()};
    }
};

using LayerNorm = RowNorm<PlainRows>;
using MergeNorm = RowNorm<MergedRows>;

struct NormGate : torch::autograd::Function<NormGate> {
    static vmk_norm_gate arguments(
        const at::Tensor &y, const at::Tensor &weight, const at::Tensor &bias, const at::Tensor &z, const Statistics &statistics) {
        vmk_norm_gate norm{};
        norm.rows = row_count(y), norm.channels = y.size(-1);
        norm.y = floats(y);
        norm.type = type_of(z), norm.z = z.const_data_ptr(), norm.z_stride = row_stride(z);
        norm.weight = floats(weight), norm.bias = floats(bias), norm.epsilon = norm_epsilon;
        norm.mean = statistics.mean_or_null(), norm.rstd = statistics.rstd_or_null();
        return norm;
    }
    static at::Tensor run(
        const at::Tensor &y, const at::Tensor &weight, const at::Tensor &bias, const at::Tensor &z, const Statistics &statistics) {
        at::Tensor out = empty_rows(y, z.scalar_type());
        if (y.is_cuda()) {
            cuda::norm_forward({cuda::NormKind::gated, y, weight, bias, z, statistics.mean, statistics.rstd}, out);
            return out;
        }
        const auto norm = arguments(y, weight, bias, z, statistics);
        vmk_norm_gate_forward(&norm, out.mutable_data_ptr());
        return out;
    }
    static at::Tensor forward(
        AutogradContext *context, const at::Tensor &y, const at::Tensor &weight, const at::Tensor &bias, const at::Tensor &z) {
        const auto statistics = Statistics::of_rows(row_count(y), y);
        context->save_for_backward({y, weight, bias, z, statistics.mean, statistics.rstd});
        return run(y, weight, bias, z, statistics);
    }
    static variable_list backward(AutogradContext *context, variable_list gradients) {
        const auto saved = context->get_saved_variables();
        const at::Tensor &y = saved[0], &weight = saved[1], &bias = saved[2], &z = saved[3];
        const at::Tensor dout = gradients[0].to(z.scalar_type()).contiguous();
        if (y.is_cuda()) {
            const auto d = cuda::norm_backward({cuda::NormKind::gated, y, weight, bias, z, saved[4], saved[5]}, dout);
            return {d.x, d.weight, d.bias, d.gate};
        }
        at::Tensor dy = empty_rows(y, at::kFloat), dz = empty_rows(y, z.scalar_type()), dweight = at::empty_like(weight),
                   dbias = at::empty_like(bias);
        const auto norm = arguments(y, weight, bias, z, {saved[4], saved[5]});
        const vmk_norm_gate_gradients d{
            mutable_floats(dy), dz.mutable_data_ptr(), y.size(-1), mutable_floats(dweight), mutable_floats(dbias)};
        vmk_norm_gate_backward(&norm, dout.const_data_ptr(), &d);
        return {dy, dweight, dbias, dz};
    }
};

struct ExpandNorm : torch::autograd::Function<ExpandNorm> {
    static vmk_expand_norm arguments(const at::Tensor &e, const at::Tensor &weight, int64_t scale) {
        vmk_expand_norm norm{};
        norm.batch = e.size(0), norm.height = e.size(1), norm.width = e.size(2), norm.channels = e.size(3) / (scale * scale);
        norm.scale = scale;
        norm.e_type = type_of(e), norm.e = e.const_data_ptr(), norm.weight = floats(weight), norm.epsilon = norm_epsilon;
        return norm;
    }
    static at::Tensor run(const at::Tensor &e, const at::Tensor &weight, const at::Tensor &bias, int64_t scale) {
        const auto B = e.size(0), H = e.size(1), W = e.size(2), c = e.size(3) / (scale * scale);
        at::Tensor y = at::empty({B, H * scale, W * scale, c}, e.options().dtype(at::kFloat));
        if (e.is_cuda()) {
            cuda::norm_forward({cuda::NormKind::expanded, e, weight, bias, {}, {}, {}, scale}, y);
            return y;
        }
        auto norm = arguments(e, weight, scale);
        norm.bias = floats(bias);
        vmk_expand_norm_forward(&norm, mutable_floats(y));
        return y;
    }
    static at::Tensor forward(
        AutogradContext *context, const at::Tensor &e, const at::Tensor &weight, const at::Tensor &bias, int64_t scale) {
        context->save_for_backward({e, weight});
        context->saved_data["scale"] = scale;
        return run(e, weight, bias, scale);
    }
    static variable_list backward(AutogradContext *context, variable_list gradients) {
        const auto saved = context->get_saved_variables();
        const auto scale = context->saved_data["scale"].toInt();
        const at::Tensor &e = saved[0], &weight = saved[1], dy = float32(gradients[0]);
        if (e.is_cuda()) {
            const auto d = cuda::norm_backward({cuda::NormKind::expanded, e, weight, {}, {}, {}, {}, scale}, dy);
            return {d.x, d.weight, d.bias, at::Tensor()};
        }
        at::Tensor de = empty_rows(e, e.scalar_type()), dweight = at::empty_like(weight), dbias = at::empty_like(weight);
        const auto norm = arguments(e, weight, scale);
        const vmk_expand_norm_gradients d{de.mutable_data_ptr(), mutable_floats(dweight), mutable_floats(dbias)};
        vmk_expand_norm_backward(&norm, floats(dy), &d);
        return {de, dweight, dbias, at::Tensor()};
    }
};

}  // namespace

at::Tensor layer_norm(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias, at::ScalarType type) {
    if (!has_kernels(x) && !cuda::has_norm(x, weight, type)) return composite::layer_norm(x, weight, bias, type);
    TORCH_CHECK(x.dim() >= 2, "layer_norm: expected rows of channels, got shape ", x.sizes());
    for (const auto &parameter : {weight, bias}) expect_size("layer_norm", "a parameter", parameter, x.size(-1));
    const at::Tensor rows = as_rows(x.to(at::kFloat));
    if (!at::GradMode::is_enabled()) return LayerNorm::run(rows, weight, bias, type, Statistics());
    return LayerNorm::apply(rows, weight, bias, static_cast<int64_t>(type));
}

at::Tensor norm_gate(const at::Tensor &y, const at::Tensor &weight, const at::Tensor &bias, const at::Tensor &z) {
    if ((!has_kernels(y) || !has_kernels(z)) && !cuda::has_norm(y, weight, z.scalar_type()))
        return composite::norm_gate(y, weight, bias, z);
    TORCH_CHECK(y.dim() >= 2 && y.sizes() == z.sizes(), "norm_gate: expected y and z of one shape, got ", y.sizes(), " and ", z.sizes());
    for (const auto &parameter : {weight, bias}) expect_size("norm_gate", "a parameter", parameter, y.size(-1));
    const at::Tensor rows = float32(y), gate = as_rows(z);
    if (!at::GradMode::is_enabled()) return NormGate::run(rows, weight, bias, gate, Statistics());
    return NormGate::apply(rows, weight, bias, gate);
}

at::Tensor merge_norm(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias, at::ScalarType type) {
    if (!has_kernels(x) && !cuda::has_norm(x, weight, type)) return composite::merge_norm(x, weight, bias, type);
    expect_map("merge_norm", x);
    TORCH_CHECK(x.size(1) % 2 == 0 && x.size(2) % 2 == 0, "merge_norm: expected an even height and width, got ", x.sizes());
    for (const auto &parameter : {weight, bias}) expect_size("merge_norm", "a parameter", parameter, 4 * x.size(3));
    const at::Tensor map = float32(x);
    if (!at::GradMode::is_enabled()) return MergeNorm::run(map, weight, bias, type, Statistics());
    return MergeNorm::apply(map, weight, bias, static_cast<int64_t>(type));
}

at::Tensor expand_norm(const at::Tensor &e, const at::Tensor &weight, const at::Tensor &bias, int64_t scale) {
    if (!has_kernels(e) && !cuda::has_norm(e, weight, e.scalar_type())) return composite::expand_norm(e, weight, bias, scale);
    expect_map("expand_norm", e);
    TORCH_CHECK(
        scale > 0 && e.size(3) % (scale * scale) == 0, "expand_norm: expected channels in ", scale * scale, " parts, got ", e.sizes());
    for (const auto &parameter : {weight, bias}) expect_size("expand_norm", "a parameter", parameter, e.size(3) / (scale * scale));
    const at::Tensor map = e.contiguous();
    if (!at::GradMode::is_enabled()) return ExpandNorm::run(map, weight, bias, scale);
    return ExpandNorm::apply(map, weight, bias, scale);
}

}  // namespace ctorch
