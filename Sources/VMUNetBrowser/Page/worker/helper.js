// A thread of the network: runs the same module in the same memory, and waits for work inside it.

self.onmessage = async ({ data: { module, memory, stackTop, variables } }) => {
    const { exports } = await WebAssembly.instantiate(module, { env: { memory }, page: { progress() {} } });
    exports.__stack_pointer.value = stackTop;
    exports.__wasm_init_tls(variables);
    exports.vmunet_help();
};
