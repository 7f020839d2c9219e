// Calls any operator of libtorch's dispatcher by its schema's name, with boxed arguments.
#include "handles.h"
#include "threads.h"

#include <vector>

struct ct_operator_impl {
    c10::OperatorHandle handle;
};

namespace {

c10::IValue boxed(const ct_value &value) {
    switch (value.kind) {
    case CT_NONE: return {};
    case CT_TENSOR: return value.as.tensor->tensor;
    case CT_DOUBLE: return value.as.number;
    case CT_INT: return value.as.integer;
    case CT_BOOL: return value.as.boolean;
    case CT_INTS: return c10::List<int64_t>(at::IntArrayRef(value.as.integers, value.count));
    case CT_TENSORS: {
        c10::List<at::Tensor> list;
        list.reserve(value.count);
        for (int64_t i = 0; i < value.count; i++) list.push_back(value.as.tensors[i]->tensor);
        return list;
    }
    case CT_STRING: return std::string(value.as.string);
    case CT_DEVICE: return at::Device(value.as.string);
    }
    TORCH_CHECK(false, "an argument of unknown kind ", static_cast<int>(value.kind));
}

ct_value unboxed(c10::IValue &value) {
    ct_value result{};
    if (value.isTensor()) {
        result.kind = CT_TENSOR;
        result.as.tensor = ctorch::own(std::move(value).toTensor());
    } else if (value.isDouble()) {
        result.kind = CT_DOUBLE;
        result.as.number = value.toDouble();
    } else if (value.isInt()) {
        result.kind = CT_INT;
        result.as.integer = value.toInt();
    } else if (value.isBool()) {
        result.kind = CT_BOOL;
        result.as.boolean = value.toBool();
    } else if (value.isTensorList()) {
        const auto list = value.toTensorVector();
        result.kind = CT_TENSORS;
        result.count = static_cast<int64_t>(list.size());
        result.as.tensors = new ct_tensor[list.size()];
        for (size_t i = 0; i < list.size(); i++) result.as.tensors[i] = ctorch::own(list[i]);
    } else {
        TORCH_CHECK(value.isNone(), "a result has the kind ", value.tagKind(), ", which ctorch.h cannot represent");
    }
    return result;
}

}  // namespace

extern "C" {

int ct_find_operator(const char *name, const char *overload, ct_operator *result) {
    return ctorch::guarded([&] { *result = new ct_operator_impl{c10::Dispatcher::singleton().findSchemaOrThrow(name, overload)}; });
}

int ct_call(ct_operator op, const ct_value *arguments, int64_t argument_count, ct_value *results, int64_t capacity, int64_t *result_count) {
    ctorch::calm_openmp();
    return ctorch::guarded([&] {
        const auto &schema = op->handle.schema();
        const auto &formal = schema.arguments();
        std::vector<c10::IValue> stack(formal.size());
        std::vector<bool> given(formal.size(), false);
        size_t position = 0;
        for (int64_t i = 0; i < argument_count; i++) {
            size_t at = position;
            if (arguments[i].name) {
                const auto index = schema.argumentIndexWithName(arguments[i].name);
                TORCH_CHECK(index, schema.name(), " has no argument named ", arguments[i].name);
                at = static_cast<size_t>(*index);
            } else {
                position++;
            }
            TORCH_CHECK(at < formal.size(), schema.name(), " takes ", formal.size(), " arguments, got ", argument_count);
            stack[at] = boxed(arguments[i]);
            given[at] = true;
        }
        for (size_t i = 0; i < formal.size(); i++) {
            if (given[i]) continue;
            TORCH_CHECK(formal[i].default_value(), schema.name(), " needs the argument ", formal[i].name());
            stack[i] = *formal[i].default_value();
        }
        op->handle.callBoxed(stack);
        TORCH_CHECK(
            static_cast<int64_t>(stack.size()) <= capacity, schema.name(), " returned ", stack.size(), " results, expected at most ",
            capacity);
        for (size_t i = 0; i < stack.size(); i++) results[i] = unboxed(stack[i]);
        *result_count = static_cast<int64_t>(stack.size());
    });
}

}  // extern "C"
