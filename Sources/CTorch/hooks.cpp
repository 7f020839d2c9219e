// Notices of gradients, by libtorch's hook that runs after a gradient is accumulated.
#include "ctorch_hooks.h"
#include "handles.h"

namespace {

struct Notice : torch::autograd::PostAccumulateGradHook {
    void (*notice)(void *, int64_t);
    void *context;
    int64_t index;

    Notice(void (*notice)(void *, int64_t), void *context, int64_t index) : notice(notice), context(context), index(index) {}
    void operator()(const torch::autograd::Variable &) override { notice(context, index); }
};

}  // namespace

extern "C" int ct_on_gradient(ct_tensor leaf, void (*notice)(void *context, int64_t index), void *context, int64_t index) {
    return ctorch::guarded([&] {
        std::unique_ptr<torch::autograd::PostAccumulateGradHook> hook;
        if (notice) hook = std::make_unique<Notice>(notice, context, index);
        torch::autograd::impl::set_post_acc_grad_hooks(leaf->tensor, std::move(hook));
    });
}
