// The file of weights becomes part of the program: found from any package, in any place, and read from the disk page by page.
// Touch this file after a change of the weights: the build does not watch files that .incbin names.
#if defined(__APPLE__)
#define SYMBOL(name) _##name
        .section __TEXT,__const
        .private_extern SYMBOL(vmunet_isic17_begin)
        .private_extern SYMBOL(vmunet_isic17_end)
#else
#define SYMBOL(name) name
        .section .rodata.vmunet_weights,"a"
        .hidden SYMBOL(vmunet_isic17_begin)
        .hidden SYMBOL(vmunet_isic17_end)
#endif
        .globl SYMBOL(vmunet_isic17_begin)
        .globl SYMBOL(vmunet_isic17_end)
        .p2align 6
SYMBOL(vmunet_isic17_begin):
        .incbin "isic17.safetensors"
SYMBOL(vmunet_isic17_end):
        .byte 0
#if defined(__ELF__)
        .section .note.GNU-stack,"",%progbits
#endif
